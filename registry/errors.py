"""All errors, in one tree: the docstring of a class is the sentence that its user reads."""

from functools import partial
from typing import Any

from registry.legible import sentence_of


class RegistryError(Exception):
    """{reason}"""

    def __init__(self, **data: Any) -> None:
        """Fill the class's sentence with `data`, which stays readable as attributes."""
        super().__init__(sentence_of(type(self).__doc__, data))
        self.data = data

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what another process can make the same error of."""
        return partial(type(self), **self.data), ()


# --- files: writing -------------------------------------------------------------------------------


class NoSuchHome(RegistryError):
    """REGISTRY_DATA_DIR is {path!r}, but the system knows no user whose home that begins with;
    write the folder out."""


class UnwritableFile(RegistryError):
    """{path!r} cannot be written ({reason}); choose another place."""


class ResultLost(RegistryError):
    """The result cannot be written to standard output ({reason}); make room, or send it
    elsewhere."""


class Aborted(RegistryError):
    """Aborted by {signal}; what was stored before stays, run the command again for the rest."""


# --- statements: model cards ---------------------------------------------------------------------


class CardNotFound(RegistryError):
    """{path!r} is no model card: there is no such file; give a README.md, or a folder that holds
    one."""


class CardTooLarge(RegistryError):
    """The model card {path!r} has {size} bytes, more than the {limit} that are read; give the
    model's own README.md."""


class CardUnreadable(RegistryError):
    """The model card {path!r} cannot be read ({reason}); mend it, or give another."""


class CardNotEditable(RegistryError):
    """The head of the model card {path!r} cannot be changed in place ({reason}); write
    `base_model` there by hand."""


class BadSourceDate(RegistryError):
    """SOURCE_DATE_EPOCH is {value!r}, which is no number of seconds since 1970; write such a
    number, or unset it."""


class MlflowMissing(RegistryError):
    """Tags on a model of MLflow need MLflow, which is not installed here; run pip install
    'weight-registry[mlflow]'."""


# --- checkpoints: reading a source ----------------------------------------------------------------


class CheckpointError(RegistryError):
    """{reason}"""


class SourceNotFound(CheckpointError):
    """{source!r} is neither a file or folder here nor a hub model id; check the spelling."""


class NoWeights(CheckpointError):
    """{source!r} holds no weights that can be read; give a folder or file with .safetensors, .gguf,
    .bin, .pt or .pth."""


class SeveralCheckpoints(CheckpointError):
    """{source!r} holds several checkpoints ({files}); name the one you mean, such as
    {example!r}."""


class UnreadableFile(CheckpointError):
    """{path!r} cannot be read ({reason}); check that it is a file and that you may read it."""


class ChangedFile(CheckpointError):
    """{path!r} changed while it was being read; wait until it is written, then try again."""


class BrokenJSON(CheckpointError):
    """{path!r} is not the JSON it should be ({reason}); fetch it again or repair it."""


class MissingShard(CheckpointError):
    """{path!r} names the shard {shard!r}, which is missing; fetch it into the same folder."""


class ShardOutside(CheckpointError):
    """{path!r} names the shard {shard!r}, which lies outside its own folder and is refused; fetch
    the checkpoint again from a source that you trust."""


class ShardMismatch(CheckpointError):
    """{path!r} says that the tensor {tensor!r} is in {shard!r}, which does not hold it; fetch both
    files again."""


class PartOfModel(CheckpointError):
    """{path!r} holds one rank's share of a model, {share}, which says nothing alone and is not put
    together here; put the parts together with the software that wrote them and save the model as
    safetensors."""


class MissingPart(CheckpointError):
    """{path!r} holds one rank's share of a model, whose other parts are missing ({missing}); fetch
    them into the same folder."""


class TensorTwice(CheckpointError):
    """The tensor {tensor!r} stands in both {first!r} and {second!r}; merge or remove one of the
    files."""


class BrokenFile(CheckpointError):
    """{path!r} is damaged or not what its name says ({reason}); fetch it again."""


class TensorTooLarge(CheckpointError):
    """The tensor {tensor!r} takes {size} bytes, for which the memory does not suffice; use a
    machine with more memory, or fetch the checkpoint again if it should hold no such tensor."""


class FormatNotRead(CheckpointError):
    """{path!r} is {format}, which is not read; {remedy}."""


class UnsafePickle(CheckpointError):
    """{path!r} asks for {function!r} while it is being read, which could run code and is refused;
    get the weights as a safetensors file."""


class QuantisedWeights(CheckpointError):
    """The tensor {tensor!r} is stored quantised ({dtype}), which cannot be read yet; give the model
    in bf16, fp16 or fp32."""


class IncompleteQuantisation(CheckpointError):
    """The quantised tensor {tensor!r} has {part!r} but lacks {missing}; fetch the checkpoint again,
    or give the model in bf16, fp16 or fp32."""


class BrokenQuantisation(CheckpointError):
    """The tensor {tensor!r}, stored quantised ({scheme}), cannot be read ({reason}); fetch the
    checkpoint again, or give the model in bf16, fp16 or fp32."""


class UnknownQuantisation(CheckpointError):
    """The tensor {tensor!r} is stored quantised as {scheme}, which cannot be read; give the model
    in bf16, fp16 or fp32."""


class MissingAdapterConfig(CheckpointError):
    """{source!r} holds an adapter without its adapter_config.json, which gives the scaling; put
    that file into the same folder."""


class BrokenAdapter(CheckpointError):
    """The adapter {source!r} cannot be read ({reason}); fetch it again or save it anew."""


class UnmergedAdapter(CheckpointError):
    """{source!r} holds LoRA factors ({tensor!r}) beside the weights that they change, unmerged,
    and no adapter_config.json, which gives the scaling; put that file into the same folder, or
    merge the adapter and give the merged model."""


class UnsupportedAdapter(CheckpointError):
    """{source!r} is an adapter of type {kind!r}, which has no low-rank delta to fingerprint; merge
    it into its base model and give the merged model."""


class NotAnAdapter(CheckpointError):
    """{source!r} is a whole model, which cannot be merged into {base!r}; give an adapter, or leave
    --merge-into out."""


class NothingToMerge(CheckpointError):
    """{source!r} is a fingerprint without weights, which cannot be merged into {base!r}; give the
    adapter's folder, or leave --merge-into out."""


class BaseIsAdapter(CheckpointError):
    """The base {base!r} is itself an adapter; give the whole model that it was trained on."""


class UnknownInitialBase(CheckpointError):
    """The adapter {source!r} began with {initialisation!r}, which changed its base in a way that
    neither of them tells; give the merged model, or the adapter as peft saves it converted
    (path_initial_model_for_weight_conversion)."""


class DeltasTooLarge(CheckpointError):
    """The adapter {source!r} keeps deltas of {elements:,} numbers in {size:,} bytes, too many to
    multiply out by themselves; pass --merge-into BASE, or give the merged model."""


class AdapterMismatch(CheckpointError):
    """The adapter {source!r} does not fit {base!r} ({reason}); give the base that it was trained
    on."""


class HubModelNotFound(CheckpointError):
    """The hub has no model {model!r} that you may see; check the id and, for a private model, your
    token."""


class HubLoginNeeded(CheckpointError):
    """The hub shows no model {model!r} to those who are not logged in; check the id, and set
    HF_TOKEN if it is private."""


class HubTokenRefused(CheckpointError):
    """The hub refuses {model!r} because it does not know your token; renew it, or unset HF_TOKEN
    for a public model."""


class HubRevisionNotFound(CheckpointError):
    """The hub's model {model!r} has no revision {revision!r}; name a branch, tag or commit that it
    has."""


class HubFileNotFound(CheckpointError):
    """The hub's model {model!r} has no file {file!r}; it has {files}, name one of them."""


class HubAccessDenied(CheckpointError):
    """The hub's model {model!r} is gated; ask for access on its page and set HF_TOKEN."""


class HubForbidden(CheckpointError):
    """The hub does not let you read {model!r} ({reason}); check what your token is allowed to
    read."""


class HubRateLimited(CheckpointError):
    """The hub gives no more of {model!r} for now ({reason}); wait some minutes, or set HF_TOKEN for
    a higher limit."""


class HubFailing(CheckpointError):
    """The hub fails to give {model!r} ({reason}); try again later."""


class HubWithoutRanges(CheckpointError):
    """The hub does not give {path!r} piece by piece ({reason}); pass --download to fetch it
    whole."""


class HubFileChanged(CheckpointError):
    """The hub's file {path!r} changed while it was read ({reason}); read it again."""


class HubFileDamaged(CheckpointError):
    """The hub sent {path!r} with another content than it states ({reason}); nothing of it was kept,
    try again later."""


class HubListRefused(CheckpointError):
    """The hub's list of the files of {model!r} cannot be right ({reason}); check the id and
    HF_ENDPOINT."""


class HubTooManyFiles(CheckpointError):
    """{model!r} has {count:,} files of weights, and {limit:,} are the most that are read from a
    hub; fetch it and give the folder."""


class HubTokenMalformed(CheckpointError):
    """The hub's token cannot be sent ({reason}); set HF_TOKEN anew, or unset it for a public
    model."""


class HubSettings(CheckpointError):
    """The hub's client does not start with these settings ({reason}); check HF_ENDPOINT and the
    other HF_ variables, those of proxies and SSL_CERT_FILE."""


class HubCacheUnwritable(CheckpointError):
    """{model!r} cannot be kept in the hub cache ({reason}); make room there, set HF_HOME to another
    folder or leave --download out."""


class NoSuchTower(CheckpointError):
    """No tensor of {source!r} stands below {tower!r}; `registry inspect` lists what stands beside
    its language model."""


class HubOffline(CheckpointError):
    """{model!r} is no file or folder here, nor in the hub cache, and the hub is switched off; unset
    HF_HUB_OFFLINE or give a folder."""


class HubAuthorUnknown(RegistryError):
    """The hub shows no models of {author!r}; check the name, and set HF_TOKEN if they are
    private."""


class HubCollectionUnknown(RegistryError):
    """The hub shows no collection {slug!r} with models in it; give what its address has after
    /collections/, and set HF_TOKEN if it is private."""


class HubModelsRefused(RegistryError):
    """The hub's list of the models of {name!r} cannot be right ({reason}); check the name and
    HF_ENDPOINT."""


class HubModelsAway(RegistryError):
    """The hub does not list the models of {name!r} ({reason}); check the network, HF_ENDPOINT and
    HF_TOKEN, or give ids by --from."""


class NoSuchWellKnownFamily(RegistryError):
    """The starter list has no family {family!r}; it has {families}."""


class HubAway(RegistryError):
    """The hub cannot be read ({reason}): {done} of {count} well-known models are registered; try
    again where it can be reached, or give folders to `registry ingest`."""


class WellKnownFailed(RegistryError):
    """{failed} of {count} well-known models were not registered, for reasons that the table names;
    the same command tries them again."""


class HubUnreachable(CheckpointError):
    """{model!r} is no file or folder here and could not be fetched from the hub ({reason}); check
    the spelling, the network and HF_ENDPOINT."""


# --- many sources at a time -----------------------------------------------------------------------


class NotAFolder(RegistryError):
    """{path!r} is no folder; --tree takes a folder with models below it."""


class NoModelsBelow(RegistryError):
    """No folder below {path!r} holds weights that can be read; give a folder above models."""


class EmptyList(RegistryError):
    """The list {path!r} names no source; write one a line, or a JSON object with `source` a
    line."""


class BadListLine(RegistryError):
    """Line {line} of the list {path!r} cannot be used ({reason}); write a path, a hub id, or a JSON
    object with source, name, family, revision and tags."""


class BadNameTemplate(RegistryError):
    """The template {template!r} cannot be used ({reason}); write a --name with {{leaf}},
    {{parent}}, {{grandparent}}, {{stem}}, {{path}} or {{family}}."""


class NamesCollide(RegistryError):
    """Names would be given twice ({count}), such as {name!r} to {first!r} and {second!r}; nothing
    was read. Give a template such as --name '{{parent}}/{{leaf}}', or names of their own in a
    list."""


class NothingFailed(RegistryError):
    """No source failed when it was tried last; give a SOURCE, --tree or --from."""


class WorkerLost(RegistryError):
    """The process that read {source!r} ended {count} times ({reason}), perhaps for want of memory;
    try it alone, with --workers 1."""


class RayMissing(RegistryError):
    """--engine ray needs Ray, which is not installed here; run pip install 'weight-registry[ray]',
    or leave --engine out."""


class RayUnreachable(RegistryError):
    """No Ray cluster can be used at {address!r} ({reason}); check the address and the versions of
    Ray and Python there, or leave --address out for a cluster of this machine."""


class DatabaseNotShared(RegistryError):
    """The Ray cluster at {address!r} has other machines, which do not reach the embedded database;
    set REGISTRY_DATABASE_URL to a Postgres that all its nodes reach."""


class DatabaseNotOnNode(RegistryError):
    """The database answers here, but not on the node {node!r} that was to read {source!r}
    ({reason}); REGISTRY_DATABASE_URL must name a server that all nodes reach."""


class NotOnNode(RegistryError):
    """{source!r} is not on the node {node!r} that was to read it; put it where all nodes see it
    under the same path."""


class NodeDiffers(RegistryError):
    """The node {node!r} runs version {there} of registry, this machine {here}; install the same on
    all of them."""


class FailedOnCluster(RegistryError):
    """{source!r} was not read by the cluster ({reason}); install the same versions of registry,
    Ray and Python on all its nodes, then see its logs."""


class RunNotFound(RegistryError):
    """There is no run {run}; `registry jobs` lists those that there are."""


# --- architectures and fingerprints: what the weights are -----------------------------------------


class WeightsError(RegistryError):
    """{reason}"""


class NoTensors(WeightsError):
    """{source!r} holds no tensors, perhaps a vocabulary alone; give the file with the model's
    weights."""


class NoProjections(WeightsError):
    """No transformer projections found in {source!r}: none of its {count} tensors has a known name
    ({examples}); give a transformer language model, or see `registry inspect`."""


class NoDeltas(WeightsError):
    """The adapter {source!r} changes no projection, but {names} alone, so that by itself there is
    nothing to fingerprint; merge it into its base: pass --merge-into BASE."""


class NothingKnown(WeightsError):
    """{source!r} holds {count} tensors, and none of them is a known projection of a transformer;
    give a transformer language model, or ask for its names to be added."""


class NotAMatrix(WeightsError):
    """The projection {tensor!r} has shape {shape}, not rows by columns, and cannot be
    fingerprinted; check the checkpoint."""


class CannotSplit(WeightsError):
    """The fused projection {tensor!r} of shape {shape} does not split into {parts} ({reason});
    check the checkpoint's config.json."""


class PartsDoNotFit(WeightsError):
    """The tensor {tensor!r} read as {part} has {rows} rows, which do not fit the {expected} of its
    layer ({naming} names): it is cut otherwise, or the checkpoint is damaged; compare its shape
    with the model's own code."""


class TwoNamings(WeightsError):
    """The tensor {tensor!r} may be cut as {one} or as {other} cuts it, and its shape fits both;
    state the model's own model_type in config.json."""


class TooManyTensors(WeightsError):
    """{source!r} holds {count} in {size} bytes, more and smaller ones than any model; check the
    checkpoint."""


class NonFiniteWeights(WeightsError):
    """{source!r} has {count} NaN or infinite weights, the first in {tensor!r}; pass
    --allow-nonfinite to leave them out of the statistics."""


class ZeroMatrices(WeightsError):
    """Every projection of {source!r} is empty, all zero, of one value alone or without a finite
    weight, so that there is nothing to fingerprint; check the checkpoint."""


class UntrainedAdapter(WeightsError):
    """{source!r} is an untrained adapter: its LoRA delta B A is zero everywhere, so there is
    nothing to fingerprint; give one that was trained."""


# --- fingerprints, lineage and workflows: how they are computed and compared ----------------------


class DeviceUnavailable(RegistryError):
    """The device {device!r} cannot be used ({reason}); give auto, cpu, cuda or cuda:n."""


class NotInShards(RegistryError):
    """{source!r} is measured at one go; only models of more than a gigabyte are measured in shards,
    and no adapters."""


class NotComparable(RegistryError):
    """{base!r} is an adapter, which cannot be the base of a whole model; give the two the other way
    round."""


class BrokenFingerprintFile(RegistryError):
    """{path!r} is not a fingerprint that `registry fingerprint -o` wrote ({reason}); write it
    again, or give the weights."""


class FingerprintTooShallow(RegistryError):
    """{path!r} holds fewer singular values than the {rank} that are registered of the same weights;
    fingerprint them with --rank {rank}."""


class NoWeightsInFile(RegistryError):
    """{source!r} is a fingerprint in a file, of which --quick has nothing to read; identify it
    without --quick."""


class FingerprintVersionDiffers(RegistryError):
    """{path!r} holds a fingerprint of version {version}, and only version {expected} is compared;
    fingerprint the weights again."""


class FingerprintOutdated(RegistryError):
    """{name!r} has a fingerprint of version {version}, and only version {expected} is compared; run
    `registry upgrade`."""


class SourceGone(RegistryError):
    """{source!r}, from which {name!r} was ingested, is neither a file nor a folder here; bring it
    back, run the command where the model was ingested, or ingest the weights from elsewhere."""


class OtherWeights(RegistryError):
    """{source!r} holds other weights now than those registered as {name!r}; bring these back, or
    remove the model and ingest what is there."""


class QuickNeedsModel(RegistryError):
    """{source!r} is an adapter, which --quick does not read; ask without --quick."""


class UnknownRank(RegistryError):
    """Unsupported rank {rank!r}; give one of {ranks}."""


# --- characteristic and lora_init -----------------------------------------------------------------


class CharacteristicError(RegistryError):
    """{reason}"""


class TooFewLayers(CharacteristicError):
    """The distances {name} are {count}, too few to fit a law to ({least} are needed): the model has
    {layers} such matrices, and {needed} are needed; take a model with more layers."""


class IdenticalLayers(CharacteristicError):
    """Nearly all singular-value vectors of {name} are equal: {count} distances are not zero, and
    {least} are needed; take a model without layers that were copied."""


class RankNotStored(CharacteristicError):
    """{rank} singular values are needed and {stored} are stored; ingest the source again with
    --rank {rank}."""


class NoSuchProjection(CharacteristicError):
    """Unknown projection {projection!r}; choose one of {known}."""


class NoCharacteristic(CharacteristicError):
    """{name!r} has no characteristic: the distances of {first} to all other projections follow a
    power law, so all projections form one group; take another reference."""


class LawNotReached(CharacteristicError):
    """In {attempts} draws no {vectors} vectors of {length} numbers had distances that follow a
    {law} law; ask for more vectors, or longer ones."""


class NoTargets(CharacteristicError):
    """{base!r} has no module {target!r} that an adapter could change; choose from {known}."""


class FolderNotEmpty(CharacteristicError):
    """{folder!r} exists and is not an empty folder; choose another."""


class BaseNotWritable(CharacteristicError):
    """Cannot subtract the initial LoRA delta from {base!r} ({reason}); drop --keep-output, or give
    a folder of unquantised weights."""


# --- figures --------------------------------------------------------------------------------------


class PictureError(RegistryError):
    """{reason}"""


class NothingToDraw(PictureError):
    """{name!r} has no {what} to draw; {how}."""


class UnknownPicture(PictureError):
    """A figure is written as .png or .svg, its numbers as .csv, not as {path!r}; name a file that
    ends so.
    """


class NoParentToDraw(PictureError):
    """Nothing is known that {name!r} was made from; give its parent as the second model."""


class NothingRegistered(PictureError):
    """No model is registered, so there is nothing to draw; `registry ingest MODEL` stores one."""


class NoMap(PictureError):
    """No map of the registered models is drawn yet; `registry atlas` draws it."""


class NotOnMap(PictureError):
    """{name!r} has no place on the map; `registry atlas` places models, or says why it cannot."""


class WrongPicture(PictureError):
    """The figure {kind!r} is drawn of {takes}; give {takes}."""


# --- catalogues -----------------------------------------------------------------------------------


class CatalogueError(RegistryError):
    """{reason}"""


class BrokenCatalogue(CatalogueError):
    """{path!r} is no catalogue that `registry export` wrote, or is damaged ({reason}), so that
    nothing of it was stored; export it again, or fetch it again."""


class CatalogueNewer(CatalogueError):
    """{path!r} is a catalogue of format {version}, and this package reads format {expected};
    upgrade the package, or export with this version."""


class CatalogueUnreachable(CatalogueError):
    """Nothing could be fetched from {url!r} ({reason}); check the address, or fetch the file
    yourself and import that."""


class AddressWithPassword(CatalogueError):
    """The address {url!r} came with a name and a password, which are sent nowhere; fetch the file
    yourself and import that."""


class NothingToExport(CatalogueError):
    """No model is registered, so that there is nothing to export; `registry ingest` stores one."""


class BrokenDump(CatalogueError):
    """{path!r} is no dump that `registry db dump` wrote, or is damaged ({reason}), so that nothing
    of it was restored; dump the registry again, or fetch the file again."""


class DumpNewer(CatalogueError):
    """{path!r} is a dump of format {version} and schema {revision}, which a newer registry wrote;
    upgrade this package."""


class DatabaseNotEmpty(CatalogueError):
    """The database at {url!r} is not empty ({count} rows in {table!r}), and nothing in it is
    overwritten; give an empty database, or `registry export` here and `registry import` there."""


class RestoreDiffers(CatalogueError):
    """The table {table!r} of the database at {url!r} came to other rows than were dumped, so that
    nothing was restored; its log may say more: try again, or another server."""


# --- database -------------------------------------------------------------------------------------


class DatabaseError(RegistryError):
    """{reason}"""


class BadDatabaseURL(DatabaseError):
    """REGISTRY_DATABASE_URL is not a Postgres address ({reason}); write
    postgresql://user:password@host:5432/name, and in the password %40 for @, %3A for :, %2F for /,
    %3F for ?, %23 for # and %25 for %."""


class DatabaseFault(DatabaseError):
    """{reason}"""


class DatabaseUnreachable(DatabaseFault):
    """The database at {url!r} does not answer ({reason}); start it or correct
    REGISTRY_DATABASE_URL."""


class ConnectionFailed(DatabaseFault):
    """The database at {url!r} takes no connection ({reason}); correct REGISTRY_DATABASE_URL or ask
    its administrator."""


class ConnectionLost(DatabaseFault):
    """The database at {url!r} ended the connection ({reason}); run the command again, and look into
    the server's log if that happens often."""


class CommitUnknown(DatabaseFault):
    """The connection to the database at {url!r} was lost while it stored the change ({reason}), so
    that it may have been made or not; look with `registry list`, then run the command again."""


class LoginRefused(DatabaseFault):
    """The database at {url!r} refuses this role or its password ({reason}); correct them in
    REGISTRY_DATABASE_URL, in a password %40 for @, %3A for :, %2F for / and %25 for %."""


class NoSuchDatabase(DatabaseFault):
    """The server has no such database as {url!r} names ({reason}); create it, or correct the name
    in REGISTRY_DATABASE_URL."""


class RightMissing(DatabaseFault):
    """The role of {url!r} lacks the right {right} ({reason}); ask the owner of the database for:
    {grant}."""


class RolesRefused(DatabaseFault):
    """The role of {url!r} cannot make the registry's roles, for it lacks {right}; ask the
    administrator of the server for: {grant}."""


class NoSuchLogin(DatabaseFault):
    """The server has no role {login!r}; create it with CREATE ROLE ... LOGIN PASSWORD '...', then
    run `registry db roles` again."""


class PortTaken(DatabaseFault):
    """Port {port} of 127.0.0.1 cannot be opened ({reason}); give another to --port."""


class SearchIndexDenied(DatabaseError):
    """The role {role!r} does not own the registry's tables, and may build no index on them; run
    `registry db index` as their owner. Until then searches read all models."""


class DatabaseReadOnly(DatabaseFault):
    """The database at {url!r} can only be read ({reason}), as a replica; give the primary's address
    in REGISTRY_DATABASE_URL, or have writing allowed."""


class DiskFull(DatabaseFault):
    """The disk of the database at {url!r} is full ({reason}); make room there."""


class ServerExhausted(DatabaseFault):
    """The server of the database at {url!r} lacks memory or another resource ({reason}); try again
    later, or give it more."""


class TooManyConnections(DatabaseFault):
    """The database at {url!r} has no connection left ({reason}); try again when other clients have
    ended, or have its limit raised."""


class LockTimeout(DatabaseFault):
    """Another session held a lock in the database at {url!r} for longer than its lock_timeout
    ({holder}); try again when that has ended."""


class StatementEnded(DatabaseFault):
    """The database at {url!r} ended a statement ({reason}); its statement_timeout is too short, or
    an administrator cancelled it: raise the one or ask the other."""


class ServerEnding(DatabaseFault):
    """The database at {url!r} is shutting down, or an administrator ended the connection
    ({reason}); try again when it runs."""


class ServerNotReady(DatabaseFault):
    """The database at {url!r} is starting up or recovering ({reason}); try again when it takes
    connections."""


class IdleEnded(DatabaseFault):
    """The database at {url!r} ends connections that idle ({reason}); run the command again, and
    have its idle_session_timeout raised if that happens often."""


class Conflict(DatabaseFault):
    """Two sessions were in each other's way in the database at {url!r} ({reason}); run the command
    again."""


class DatabaseDamaged(DatabaseFault):
    """The database at {url!r} has lost data or cannot read its disk ({reason}); check the disk and
    restore a backup."""


class ValueRefused(DatabaseError):
    """The database cannot hold a value ({reason}); rename or repair what was to be stored."""


class QueryFailed(DatabaseError):
    """The query fails at line {line}, column {column} ({reason}); correct it and run it again."""


class QueryAdvised(QueryFailed):
    """The query fails at line {line}, column {column} ({reason}); the database advises: {hint}."""


class QueryTooLong(QueryFailed):
    """The query at line {line}, column {column} was ended ({reason}); if it may take longer, put
    SET statement_timeout = '10min'; before it."""


class QueryMayNot(QueryFailed):
    """The query at line {line}, column {column} is refused ({reason}), for analysts change nothing;
    `registry db url --owner` prints the address of who may."""


class CopyRefused(DatabaseError):
    """COPY is not run here; give the query to `registry sql --csv`, and send what it prints to a
    file."""


class DatabaseTooOld(DatabaseError):
    """The database at {url!r} is Postgres {version}; use version 15 or newer."""


class Spooled(DatabaseError):
    """{cause} What was read of {source!r} waits in {path!r}: `registry flush` stores it."""


class NotSpooled(DatabaseError):
    """{cause} What was read of {source!r} is lost, for {path!r} cannot be written ({reason}); make
    room there or set REGISTRY_DATA_DIR to another folder, then run the command again."""


class BrokenSpoolFile(DatabaseError):
    """{path!r} is damaged ({reason}), so that nothing of it is stored; read the weights again, then
    remove it."""


class SpooledTooShallow(DatabaseError):
    """{path!r} holds fewer singular values than the {rank} that are registered of the same weights;
    ingest {source!r} again with --rank {rank}, then remove the file."""


class VectorMissing(DatabaseError):
    """The database at {url!r} lacks the vector extension ({reason}); install pgvector there or ask
    its administrator for CREATE EXTENSION vector."""


class SchemaNewer(DatabaseError):
    """The database at {url!r} was written by a newer registry (schema {revision!r}); upgrade this
    package."""


class SchemaOlder(DatabaseError):
    """The database at {url!r} has the older schema {revision!r}; run `registry db upgrade`."""


class SchemaBroken(DatabaseFault):
    """The tables of the database at {url!r} are not those of the schema {revision!r} that it states
    ({reason}), half restored or of another draft; restore a whole backup, or give an empty
    database."""


class SchemaUnknown(DatabaseError):
    """The database at {url!r} states the schema {revision!r}, which no release of the registry
    wrote; restore a backup, or give an empty database."""


class SchemaUnstated(DatabaseError):
    """The table registry_version of the database at {url!r} does not state one schema ({reason});
    restore a whole backup, or give an empty database."""


class TablesTaken(DatabaseError):
    """The database at {url!r} holds tables that are not the registry's ({reason}); give a database
    of its own."""


class SchemaBusy(DatabaseFault):
    """The database at {url!r} cannot be upgraded now ({reason}); another upgrade or a long
    transaction is in the way ({holder}): wait until it has ended, then run `registry db
    upgrade`."""


class DatabaseFailed(DatabaseFault):
    """The database at {url!r} refused the request ({reason}); its log may say more."""


class NotUnicode(DatabaseError):
    """{text!r} is not Unicode text, which is all that the database stores; rename the file or
    folder."""


class SourceTooLong(DatabaseError):
    """The source {source!r} has {count} characters, more than the {most} that are stored; move it
    to a shorter path, or go there and name it from there."""


class BadName(DatabaseError):
    """{name!r} cannot be the name of a model ({reason}); give it another with --name."""


class BadFamily(DatabaseError):
    """{family!r} cannot be the name of a family ({reason}); give another with --family."""


class ServerUnavailable(DatabaseFault):
    """The embedded database cannot run here ({reason}); set REGISTRY_DATABASE_URL to a Postgres
    with pgvector."""


class ServerFailed(DatabaseFault):
    """The embedded database failed ({reason}); look into its log, {log!r}."""


class NoEmbeddedServer(DatabaseError):
    """REGISTRY_DATABASE_URL is set, so there is no embedded database to {action}; unset it
    first."""


class ModelNotFound(DatabaseError):
    """No registered model is called {name!r}; `registry list` shows them all."""


class ModelAmbiguous(DatabaseError):
    """{name!r} could be any of {candidates}; give more of the name or digest."""


class FingerprintNewer(DatabaseError):
    """{name!r} has a fingerprint of version {version}, which a newer registry stored; upgrade this
    package, which computes version {expected}."""


class NoVerdict(DatabaseError):
    """No verdict was stored with {name!r}, which was ingested by an older registry; remove it and
    ingest it again."""


class NameTaken(DatabaseError):
    """Another model's weights are registered as {name!r}; give this one a --name of its own, or
    remove the other."""


class NameInUse(DatabaseError):
    """Another registered model is called {name!r}; choose another name, or rename that one
    first."""


class FamilyNotFound(DatabaseError):
    """No registered family is called {family!r}; `registry families` shows them all."""


class BadTag(DatabaseError):
    """{tag!r} is no tag, for {reason}; choose another."""


class TagNotFound(DatabaseError):
    """{name!r} has no tag {tag!r}; `registry show` shows those that it has."""


class BadNote(DatabaseError):
    """This is no note, for {reason}; write another."""


class NotConfirmed(DatabaseError):
    """{name!r} was not removed, for nobody could be asked; give --yes where there is no
    terminal."""


class RemovalDeclined(DatabaseError):
    """{name!r} was not removed, as you said; answer y to remove it."""


class EventNotFound(DatabaseError):
    """The log has no event {event}; `registry log` shows the newest."""


class NothingToUndo(DatabaseError):
    """{actor!r} has changed nothing that can be undone; name an event of `registry log` to undo
    what others did."""


class NotUndoable(DatabaseError):
    """Event {event} ({action}) cannot be undone; what people changed can, such as a name, a family
    or a removal."""


class AlreadyUndone(DatabaseError):
    """Event {event} is undone already, by event {by}; make the change again if you want it."""


class CannotUndo(DatabaseError):
    """Nothing was undone, for {reason}; undo or change that first."""


# --- searches -------------------------------------------------------------------------------------


class SearchRefused(RegistryError):
    """{reason}"""


class SearchUnreadable(SearchRefused):
    """The search cannot be read at character {place}: {reason}."""


class SearchWordUnknown(SearchRefused):
    """Models cannot be searched by {word!r}{hint}; there are {words}."""


class SearchValueRefused(SearchRefused):
    """The search compares {word!r}, which is {kind}, with {value}; text stands in quotation marks,
    numbers do not, and times are written as '2026-01-31'."""


class SearchNeedsModel(SearchRefused):
    """std_distance is measured from a model: give one that has a fingerprint as `near` (--near NAME
    on the command line)."""


class PlaceRefused(SearchRefused):
    """{place!r} is not the place where a page of this list ends; begin with its first page."""


# --- web: the page --------------------------------------------------------------------------------


class WebMissing(RegistryError):
    """`registry serve` needs FastAPI, uvicorn and Jinja, which are not installed here; run
    pip install 'weight-registry[web]'."""


class AddressTaken(RegistryError):
    """Nothing can listen at port {port} of {host} ({reason}); stop the other server, or give
    another --port or --host."""


class WebError(RegistryError):
    """{reason}"""


class HostRefused(WebError):
    """This server does not answer to the name {host!r}; start it with --allow-host NAME to have it
    answer to another."""


class NoSuchPage(WebError):
    """There is no page at {path!r}; the search is at /models, and /docs lists all addresses."""


class MethodRefused(WebError):
    """Nothing can be changed here: {method!r} is not answered at {path!r}."""


class LayerNotFound(WebError):
    """{name!r} has no layer {layer}; its layers are {layers}."""


class EdgeNotFound(WebError):
    """There is no edge {number}; the page of a model links to its edges."""


class PageBroken(WebError):
    """This page could not be made, by a fault of the program; what its server says on stderr has
    the details."""


class CompareBusy(WebError):
    """{count} pairs of models are being compared, and no more at once; ask again."""


class IdentifyOff(WebError):
    """This server identifies nothing; start it with --allow-identify to have it read models."""


class IdentifyElsewhere(WebError):
    """Pages of other sites may have nothing identified here; type the address, or use the form."""


class IdentifyBusy(WebError):
    """{count} models are being identified, and no more at once; ask again."""


class SourceOutside(WebError):
    """{source!r} is neither the id of a hub model nor anything under a folder that this server
    reads; start it with --root FOLDER for another."""


class RootNotFound(WebError):
    """--root {path!r} is no folder here; name one that holds models."""


class ParameterRefused(WebError):
    """The parameter {name!r} of the address does not fit ({reason}); /docs says what it takes."""


class AddressTooLong(WebError):
    """The address is {length} bytes long, and at most {limit} are read; ask for less at a time."""


class PoolBusy(WebError):
    """All connections to the database have been busy for {seconds:.0f} seconds; ask again."""


class QuestionTooLong(WebError):
    """The database took too long for this question; ask for less at a time."""


class DatabaseGone(WebError):
    """The database does not answer at the moment; this page comes back once it does."""


SQLSTATES: dict[str, type[DatabaseError]] = {
    "08": ConnectionFailed,
    "08001": DatabaseUnreachable,
    "08003": ConnectionLost,
    "08006": ConnectionLost,
    "08P01": ConnectionLost,
    "0A": DatabaseFailed,
    "22": ValueRefused,
    "25006": DatabaseReadOnly,
    "25P03": IdleEnded,
    "25P04": StatementEnded,
    "28": LoginRefused,
    "3D000": NoSuchDatabase,
    "3F000": RightMissing,
    "40": Conflict,
    "42501": RightMissing,
    "42701": SchemaBroken,
    "42703": SchemaBroken,
    "42704": SchemaBroken,
    "42710": SchemaBroken,
    "42883": SchemaBroken,
    "42P01": SchemaBroken,
    "42P07": SchemaBroken,
    "53": ServerExhausted,
    "53100": DiskFull,
    "53300": TooManyConnections,
    "55P03": LockTimeout,
    "57014": StatementEnded,
    "57P01": ServerEnding,
    "57P02": ServerEnding,
    "57P03": ServerNotReady,
    "57P04": NoSuchDatabase,
    "57P05": IdleEnded,
    "58": DatabaseDamaged,
    "XX001": DatabaseDamaged,
    "XX002": DatabaseDamaged,
}
"""What each SQLSTATE, or its class, the first two characters, means to a user."""
