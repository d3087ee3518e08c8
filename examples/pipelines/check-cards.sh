#!/usr/bin/env bash
# Check model cards against the weights beside them: check-cards.sh CARD...
#
# Exit code 1 where weights contradict a card, or where one cannot be read. A card that nothing decides, as one that
# names a base which the registry does not know, is told and passes.
# FORMAT=github prints annotations.
set -u

status=0
for card in "$@"; do
    registry verify --claim "$card" ${FORMAT:+--format "$FORMAT"}
    case $? in
        0 | 4) ;;
        *) status=1 ;;
    esac
done
exit $status
