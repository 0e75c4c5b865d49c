# SPDX-License-Identifier: BSD-2-Clause
# The plots of Documentation/performance.md; bench.py gives dir and out.
set terminal svg size 760,560 font "sans,13" background "white"
set grid
set key below
set logscale xy
set xlabel "pages"
set ylabel "guest instructions"
set xrange [0.8:700]
set xtics (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

set output out."/pages.svg"
set title "Cost against number of pages, a device attached, strict"
plot dir."/ours-map-unaligned.dat" with linespoints lw 2 pt 7 lc 1 title "map, one flush", \
     dir."/ours-unmap-unaligned.dat" with linespoints lw 2 pt 7 lc 2 title "unmap, one call, tables stay", \
     dir."/ours-unmap-aligned.dat" with linespoints lw 2 pt 5 lc 3 title "unmap, one call, 512: table dropped", \
     dir."/ours-unmap-each.dat" with linespoints lw 2 pt 9 lc 4 title "unmap, a call a page", \
     dir."/linux-map-unaligned.dat" with linespoints dt 2 pt 6 lc 1 title "Linux: map scattered, one call", \
     dir."/linux-unmap-unaligned.dat" with linespoints dt 2 pt 6 lc 2 title "Linux: unmap, one call", \
     dir."/linux-unmap-each.dat" with points pt 8 ps 1.5 lc 4 title "Linux: unmap, a call a page"

set output out."/modes.svg"
set title "Unmapping in one call: what the flush costs"
plot dir."/ours-unmap-unaligned.dat" with linespoints lw 2 pt 7 lc 2 title "strict", \
     dir."/ours-unmap-unseen.dat" with linespoints lw 2 pt 7 lc 6 title "none: no device attached", \
     dir."/linux-unmap-unaligned.dat" with linespoints dt 2 pt 6 lc 2 title "Linux, strict"

reset
set terminal svg size 900,540 font "sans,12" background "white"
set output out."/linux.svg"
set title "Ours against Linux (rows of bench.csv)"
set key top left
set yrange [1:1e10]
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.8 border -1
set logscale y
set ylabel "guest instructions"
set xtics rotate by -40 font ",10"
set grid y
set bmargin 9
set rmargin 8
plot dir."/bars.dat" using 2:xtic(1) lc 2 title "ours", \
     "" using 3 lc rgb "#bbbbbb" title "Linux", \
     "" using 0:4 with points pt 9 lc 7 title "goal"
