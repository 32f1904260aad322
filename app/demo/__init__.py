"""The demonstration: facts to fill a new database with, and later the story that does it.

`data/` holds the 34 provinces and 3,321 communes of Việt Nam as of 1 July 2025 and a few real
procedures. They stand here once: the demo imports them, and tests read them from here too. Codes and
names are those of letters 1027 and 915/CTK-CSCL of the Statistics Office (25 June 2025), parents those of
its conversion table, and so is the code of Ia Mơ (23938), which letter 1027 gives as 23737.
"""
