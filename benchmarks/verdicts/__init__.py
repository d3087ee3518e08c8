"""How well verdicts hold on a zoo: its pairs, its children and its merges, and what others say of them."""
