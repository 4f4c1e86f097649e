"""The Earth's relief: how much of the Earth lies how high, from 9.3 million heights.

SPDX-License-Identifier: MIT

    pympi -n 2 -m pympi.examples.relief [--data FILE] [--picture FILE]

Every rank reads its share of the rows, from south to north. A degree of longitude is
short near the poles, so each height counts by the area that it stands for. Such weights are no whole
numbers, and an ordinary sum of them depends, in its last digits, on how many ranks there are; the sums
of pympi.reductions do not. What is printed but for the ordinary sum has the same bits on any number of
ranks, and the last line is a digest of them.
"""

import hashlib
import sys

import numpy as np

import mpi
from pympi import reductions
from pympi.examples.heights import FILE, Heights
from pympi.examples.job import Arguments, DataError

STEP = 200                              # metres from one bin of heights to the next
EDGES = np.arange(-11000, 9000 + STEP, STEP)


class Grid(Heights):
    """This rank's rows of the grid, and areas: the part of the sphere that a height of each row stands for."""

    def __init__(self, path):
        """Read this rank's share of the rows. Collective over world."""
        super().__init__(path)
        self.areas = areas(self.latitudes, len(self.longitudes))[self.first:self.first + len(self.heights)]

    def place(self, index):
        """Return height number `index` of all, counted through the rows, as a text of its place. Local."""
        row, column = divmod(int(index), len(self.longitudes))
        latitude, longitude = self.latitudes[row], (self.longitudes[column] + 180) % 360 - 180
        return f"{abs(latitude):.1f}° {'SN'[int(latitude > 0)]}, {abs(longitude):.1f}° {'WE'[int(longitude > 0)]}"


def areas(latitudes, columns):
    """Return the part of the sphere that one height of each row stands for. Local.

    A row reaches half way to the next, the first and the last to the poles.
    """
    between = (latitudes[1:] + latitudes[:-1]) / 2
    edges = np.sin(np.radians(np.concatenate([[-90], between, [90]])))
    return np.diff(edges) / 2 / columns


def measure(grid):
    """Return the results by name: floats, the same on every rank. Collective over world."""
    weights = np.repeat(grid.areas, grid.heights.shape[1])
    heights = grid.heights.astype(np.float64).reshape(-1)
    land = heights >= 0
    whole = reductions.sum(weights)
    on_land = reductions.sum(weights[land])
    return {
        "land": on_land / whole,
        "mean": reductions.dot(heights, weights) / whole,
        "mean of land": reductions.dot(heights[land], weights[land]) / on_land,
        "mean of sea": reductions.dot(heights[~land], weights[~land]) / reductions.sum(weights[~land]),
        "median of land": reductions.median(heights[land]),
        "median of sea": reductions.median(heights[~land]),
    }


def distribution(grid):
    """Return what part of the Earth lies in each bin between EDGES. Collective over world.

    Each row has its counts and its area; the sum over the rows is exact.
    """
    counts = [np.histogram(row, EDGES)[0] for row in grid.heights]
    parts = np.reshape(counts, (len(counts), len(EDGES) - 1)) * grid.areas[:, np.newaxis]
    return reductions.sum(parts, axis=0)


def ordinary_mean(grid):
    """Return the mean height as it is mostly computed: NumPy's sums, added up. Collective over world."""
    weights = np.repeat(grid.areas, grid.heights.shape[1])
    heights = grid.heights.astype(np.float64).reshape(-1)
    return mpi.allreduce((heights * weights).sum()) / mpi.allreduce(weights.sum())


def digest(results, parts):
    """Return the bits of all results as a short text. Local."""
    return hashlib.sha256(np.array([*results.values(), *parts]).tobytes()).hexdigest()[:16]


# --- The picture: rank 0 alone, and alone it imports matplotlib ----------------------------------

INK, SOFT, SEA, LAND = "#22252b", "#8a8f98", "#2166ac", "#8c6d31"
EVERY = 6               # the map has every sixth height both ways


def overview(grid):
    """Return every sixth height of all, on rank 0. Collective over world."""
    return mpi.gather(grid.heights[-grid.first % EVERY::EVERY, ::EVERY], axis=0)


def draw(path, heights, parts, results):
    """Write a map and the hypsographic curve. Local."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.4, 4.6), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.75, 1), gridspec_kw={
        "left": .05, "right": .98, "top": .88, "bottom": .13, "wspace": .17})
    draw_map(figure, left, heights)
    draw_curve(right, parts, results)
    figure.savefig(path, format="png")


def draw_map(figure, axes, heights):
    """Draw all heights: the sea in blue, the land from green to white."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, TwoSlopeNorm

    sea, land = np.linspace(.1, .85, 128), np.linspace(.25, 1, 128)
    colours = ListedColormap([*colormaps["Blues_r"](sea), *colormaps["terrain"](land)])
    image = axes.imshow(np.roll(heights, heights.shape[1] // 2, 1), colours, origin="lower",
                        extent=(-180, 180, -90, 90), norm=TwoSlopeNorm(0, -9000, 6500))
    axes.set(xticks=range(-180, 181, 60), yticks=range(-90, 91, 30))
    axes.set_title("Relief of the Earth, m", color=INK, fontsize=12)
    bar = figure.colorbar(image, ax=axes, orientation="horizontal", fraction=.05, pad=.09, aspect=50)
    bar.outline.set_visible(False)
    tidy(axes)


def draw_curve(axes, parts, results):
    """Draw what lies how high, and how much lies higher."""
    percent = 100 * parts
    bars = axes.twiny()
    bars.barh(EDGES[:-1], percent, STEP, align="edge", alpha=.35,
              color=[SEA if edge < 0 else LAND for edge in EDGES[:-1]])
    bars.set(xlim=(0, 12), xlabel=f"in each {STEP} m, %")
    axes.plot([100, *(100 - percent.cumsum())], EDGES, color=INK, linewidth=2)
    for name, colour in (("mean of land", LAND), ("mean of sea", SEA)):
        axes.axhline(results[name], color=colour, linewidth=1, linestyle="--")
        axes.annotate(f"{name} {results[name]:.0f} m", (99, results[name]), (0, 4), ha="right",
                      textcoords="offset points", color=colour, fontsize=9)
    axes.set(xlim=(0, 100), ylim=(EDGES[0], EDGES[-1]), xlabel="of the Earth lies higher, %", ylabel="m")
    tidy(axes)
    tidy(bars)


def tidy(axes):
    """Take away what is no data."""
    axes.tick_params(colors=SOFT, labelcolor=INK, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#d5d8dd")


# --- The job -------------------------------------------------------------------------------------

def parse(arguments):
    """Return the options. Collective over world when there is something to say."""
    parser = Arguments("pympi -m pympi.examples.relief", description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=FILE, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--picture", default="relief.png", metavar="FILE",
                        help="default: %(default)s")
    return parser.parse_args(arguments)


def lines(grid, results, parts):
    """Return what is printed. Collective over world."""
    low, high = reductions.minmax(grid.heights)
    lowest, highest = reductions.argmin(grid.heights), reductions.argmax(grid.heights)
    usual = ordinary_mean(grid)
    return [
        f"land: {100 * results['land']:.2f} % of the Earth; its mean height is {results['mean of land']:.1f} m, "
        f"the median of its heights {results['median of land']:.0f} m",
        f"sea: mean {results['mean of sea']:.1f} m, median {results['median of sea']:.0f} m",
        f"highest: {high:.0f} m at {grid.place(highest)}; lowest: {low:.0f} m at {grid.place(lowest)}",
        f"mean height by ordinary sums on {mpi.size}: {usual:.17g} m",
        f"mean height by exact sums:  {results['mean']:.17g} m",
        f"digest of all results: {digest(results, parts)}",
    ]


def main(arguments=None):
    """Run the job and return its exit status."""
    options = parse(arguments)
    try:
        grid = Grid(options.data)
    except DataError as wrong:
        mpi.print(f"relief: {wrong}", file=sys.stderr)
        mpi.barrier()
        return 1
    results, parts = measure(grid), distribution(grid)
    mpi.print("\n".join(lines(grid, results, parts)))
    heights = overview(grid)
    if mpi.rank == 0:
        draw(options.picture, heights, parts, results)
        print(f"wrote {options.picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
