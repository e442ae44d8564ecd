"""One turn of the loop on one machine: attack, find, review, learn, challenge, roll out or refuse, attack again."""
