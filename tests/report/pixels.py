#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts colours in a screenshot: pixels.py FILE RRGGBB...: how many pixels each, then all kinds."""
import sys

from PIL import Image

colours = dict((c, n) for n, c in
               Image.open(sys.argv[1]).convert("RGB").getcolors(maxcolors=1 << 24))
for text in sys.argv[2:]:
    print(text, colours.get(tuple(bytes.fromhex(text)), 0))
print("kinds", len(colours))
