"""Principal components of 70,000 pictures of clothes, of which every rank holds its share.

SPDX-License-Identifier: MIT

    pympi -n 2 -m pympi.examples.pca [--data FOLDER] [--components K] [--picture FILE] [--check]

One rank of each node decompresses the images and deals them out in small pieces, so that no rank
ever holds more than its share and one piece. Each adds up the pixels of its images and their
products; two allreduces then give every rank the mean and the covariance. All these sums are of
whole numbers and stay below 2^53 (70,000 · 255² is 4.6e9), so float64 holds them exactly: they
come out the same, to the last bit, in any order and on any number of ranks.
"""

import argparse
import gzip
import resource
import struct
import sys
import zlib
from bisect import bisect
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

import mpi
from pympi.examples.job import Arguments, DataError, agree

FOLDER = "/usr/share/datasets/fashion-mnist"
FILES = ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz")
SIDE = 28               # an image has SIDE x SIDE pixels of one byte
PIXELS = SIDE * SIDE
PIECE = 1000            # images that are read, sent or made float64 at once: 0.75 MiB of bytes
TOLERANCE = 1e-10       # what --check allows the numbers to differ by, relative to the largest


class ImageFile:
    """A gzipped idx file of images, read from front to back. Raises DataError for what is wrong."""

    def __init__(self, path):
        self.path = path
        if not path.exists():
            raise DataError(f"{path} is missing on {mpi.host}: install the Debian package "
                            "dataset-fashion-mnist, or name a folder with --data")
        with self.explained():
            self.stream = gzip.open(path)
        # Big-endian: the magic number (bytes, in three dimensions), then the three sizes.
        magic, self.count, rows, columns = struct.unpack(">4I", self.read_bytes(16))
        if magic != 0x0803:
            raise DataError(f"{path} begins with {magic:#06x}, not with 0x0803 as idx images do")
        if (rows, columns) != (SIDE, SIDE):
            raise DataError(f"{path} has images of {rows} x {columns} pixels, not {SIDE} x {SIDE}")
        if self.count == 0:
            raise DataError(f"{path} holds no images")

    def read(self, count):
        """Return the next `count` images as an array (count, PIXELS) of bytes.

        A few at a time, for gzip may take as much memory again as the bytes that it is asked for.
        """
        images = np.empty((count, PIXELS), np.uint8)
        for start in range(0, count, 64):
            few = images[start:start + 64]
            few.data.cast("B")[:] = self.read_bytes(few.nbytes)
        return images

    def read_bytes(self, size):
        """Return the next `size` bytes."""
        with self.explained():
            data = self.stream.read(size)
        if len(data) < size:
            raise DataError(f"{self.path} ends early: of {size} more bytes it has {len(data)}")
        return data

    def finish(self):
        """Close the file, all of whose images have been read; at its end gzip checks its sum."""
        with self.explained(), self.stream:
            if self.stream.read(1):
                raise DataError(f"{self.path} goes on after the {self.count} images it tells of")

    @contextmanager
    def explained(self):
        """Make what can go wrong while reading a DataError."""
        try:
            yield
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self.path} cannot be read on {mpi.host}: {error}") from None


def load(folder):
    """Return this rank's share of the images, an array (its images, PIXELS) of bytes.

    Collective over world. The share is what numpy.array_split would give this rank of all images.
    Raises DataError, on every rank, when the images cannot be had on one of the nodes.
    """
    node = mpi.world.split(mpi.host)
    files, error = [], None
    if node.rank == 0:
        try:
            files = [ImageFile(Path(folder) / name) for name in FILES]
        except DataError as wrong:
            error = wrong
    agree(error)
    counts = node.bcast([file.count for file in files])
    share, error = deal(node, files, counts)
    agree(error)
    return share


def deal(node, files, counts):
    """Let rank 0 of the node read the files, and return each rank's share and what went wrong.

    Collective over node. After an error the reader goes on dealing, but None in place of images:
    so every rank gets as many messages as it waits for.
    """
    bounds = share_bounds(sum(counts), mpi.size)
    first, last = bounds[mpi.rank], bounds[mpi.rank + 1]
    share, error = np.empty((last - first, PIXELS), np.uint8), None
    places = {rank: place for place, rank in enumerate(node.allgather(mpi.rank))}
    for file, start, stop, owner in pieces(counts, bounds):
        images = None
        if node.rank == 0:
            try:
                images = files[file].read(stop - start) if not error else None
            except DataError as wrong:
                error = wrong
            if owner in places and owner != mpi.rank:
                node.send(images, places[owner])
        elif owner == mpi.rank:
            images = node.recv(0)
        if owner == mpi.rank and images is not None:
            share[start - first:stop - first] = images
    return share, error or finish(files)


def finish(files):
    """Finish the files and return what is wrong with one of them, or None."""
    try:
        for file in files:
            file.finish()
    except DataError as wrong:
        return wrong


def share_bounds(total, size):
    """Return where the shares of `size` ranks begin, as numpy.array_split has it, and the total."""
    least, more = divmod(total, size)
    return [rank * least + min(rank, more) for rank in range(size + 1)]


def pieces(counts, bounds):
    """Yield the file, first image, last image + 1 and owner of every piece, in the files' order."""
    files = [0, *accumulate(counts)]
    cuts = sorted({*files, *bounds, *range(0, files[-1], PIECE)})
    for start, stop in pairwise(cuts):
        yield bisect(files, start) - 1, start, stop, bisect(bounds, start) - 1


def mean_and_covariance(images):
    """Return the number of images of all ranks, their mean and the covariance of their pixels.

    Collective over world. The arrays (PIXELS,) and (PIXELS, PIXELS) are the same on every rank. The
    covariance's numerator is still a whole number, exact up to 370,000 images: it is rounded once.
    """
    total, products = np.zeros(PIXELS), np.zeros((PIXELS, PIXELS))
    for start in range(0, len(images), PIECE):
        piece = images[start:start + PIECE].astype(np.float64)
        total += piece.sum(axis=0)
        products += piece.T @ piece
    count = mpi.allreduce(len(images))
    total, products = mpi.allreduce(total), mpi.allreduce(products)
    covariance = (count * products - np.outer(total, total)) / (count * (count - 1))
    return count, total / count, covariance


def principal_components(covariance):
    """Return the variances, largest first, and the components as rows. Local.

    The sign of a component is free: its largest entry is made positive.
    """
    variances, vectors = np.linalg.eigh(covariance)
    components = vectors.T[::-1]
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    return variances[::-1], components * signs[:, np.newaxis]


def print_memory(images):
    """Print what each rank holds and held. Collective over world."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share = images.nbytes / 2**20
    mpi.print(f"rank {mpi.rank} on {mpi.host}: {len(images)} images, {share:.1f} MiB; "
              f"peak memory {peak:.1f} MiB", ordered=True)


def print_variances(variances, count):
    """Print the `count` largest variances and what part of the whole each explains. Local."""
    shares = 100 * variances / variances.sum()
    print("component       variance    share  together")
    for k, (variance, share, sum_) in enumerate(zip(variances, shares, shares.cumsum()), 1):
        print(f"{k:9}  {variance:13.4f}  {share:5.2f} %  {sum_:6.2f} %")
        if k == count:
            break


def check(folder, mean, covariance, variances):
    """Return the largest relative difference to serial NumPy over all the images. Local."""
    files = [gzip.open(Path(folder) / name).read() for name in FILES]
    images = np.concatenate([np.frombuffer(file, np.uint8, offset=16) for file in files])
    images = images.reshape(-1, PIXELS).astype(np.float64)
    expected = np.cov(images, rowvar=False)
    pairs = ((mean, images.mean(axis=0)), (covariance, expected),
             (variances, np.linalg.eigvalsh(expected)[::-1]))
    return max(np.abs(ours - numpys).max() / np.abs(numpys).max() for ours, numpys in pairs)


# --- The picture: rank 0 alone, and alone it imports matplotlib ----------------------------------

INK, SOFT, ACCENT = "#22252b", "#8a8f98", "#b2182b"


def draw(path, mean, variances, components):
    """Write a picture of the mean, the components and the variance they explain. Local."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.4, 7.2), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.65))
    upper, lower = left.subplots(2, 1, height_ratios=(1.25, 1),
                                 gridspec_kw={"left": .17, "right": .95, "top": .9, "bottom": .1,
                                              "hspace": .3})
    draw_image(upper, mean, "gray_r", 0, 255)
    upper.set_title("Mean image", color=INK, fontsize=12)
    draw_curve(lower, variances, len(components))
    draw_components(right, components, variances / variances.sum())
    figure.savefig(path, format="png")


def draw_image(axes, image, colours, low, high):
    """Draw one image without axes."""
    axes.imshow(image.reshape(SIDE, SIDE), cmap=colours, vmin=low, vmax=high,
                interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#d5d8dd")


def draw_components(figure, components, shares):
    """Draw the components in a square grid, each on its own scale, zero in white."""
    side = int(np.ceil(np.sqrt(len(components))))
    grid = figure.subplots(side, side, squeeze=False, gridspec_kw={
        "left": .02, "right": .97, "top": .9, "bottom": .03, "wspace": .08, "hspace": .24})
    figure.suptitle("Principal components, and the share of the variance each explains",
                    color=INK, fontsize=12, y=.965)
    for k, axes in enumerate(grid.flat):
        if k >= len(components):
            axes.set_axis_off()
            continue
        most = np.abs(components[k]).max()
        draw_image(axes, components[k], "RdBu_r", -most, most)
        axes.set_title(f"{k + 1}  ·  {100 * shares[k]:.1f} %", color=INK, fontsize=9, pad=3)


def draw_curve(axes, variances, shown):
    """Draw how much of the variance the first components explain together."""
    together = 100 * variances.cumsum() / variances.sum()
    count = np.arange(1, len(together) + 1)
    axes.fill_between(count, together, color="#2166ac", alpha=.12, linewidth=0)
    axes.plot(count, together, color="#2166ac", linewidth=2)
    for percent in (80, 95):
        k = int(np.argmax(together >= percent)) + 1
        axes.plot(k, together[k - 1], "o", color=ACCENT, markersize=5)
        axes.annotate(f"{percent} % by {k}", (k, percent), (-5, 5), textcoords="offset points",
                      ha="right", color=INK, fontsize=9)
    axes.set(xscale="log", xlim=(1, len(together)), ylim=(0, 102))
    axes.set_xticks([1, 10, 100, len(together)], ["1", "10", "100", str(len(together))])
    axes.set_title("Variance explained together, %", color=INK, fontsize=12)
    axes.set_xlabel("components", color=INK)
    axes.tick_params(colors=SOFT, which="both", labelcolor=INK)
    axes.grid(color="#eceef1")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#d5d8dd")


# --- The job -------------------------------------------------------------------------------------

def components(text):
    """Return the number of components in `text`. Local."""
    if not 1 <= int(text) <= PIXELS:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and {PIXELS}")
    return int(text)


def parse(arguments):
    """Return the options. Collective over world when there is something to say."""
    parser = Arguments("pympi -m pympi.examples.pca", description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=FOLDER, metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--components", default=16, metavar="K", type=components,
                        help="how many are printed and drawn; default: %(default)s")
    parser.add_argument("--picture", default="pca.png", metavar="FILE",
                        help="default: %(default)s")
    parser.add_argument("--check", action="store_true",
                        help="compare with serial NumPy, on rank 0, which takes 1.5 GiB")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Run the job and return its exit status."""
    options = parse(arguments)
    try:
        images = load(options.data)
    except DataError as error:
        mpi.print(f"pca: {error}", file=sys.stderr)
        mpi.barrier()
        return 1
    count, mean, covariance = mean_and_covariance(images)
    print_memory(images)
    mpi.print(f"{count} images of {SIDE} x {SIDE} pixels")
    return mpi.bcast(report(options, mean, covariance) if mpi.rank == 0 else None)


def report(options, mean, covariance):
    """Print and draw the components; return the exit status. Rank 0's work alone. Local."""
    variances, components = principal_components(covariance)
    print_variances(variances, options.components)
    draw(options.picture, mean, variances, components[:options.components])
    print(f"wrote {options.picture}")
    if not options.check:
        return 0
    difference = check(options.data, mean, covariance, variances)
    print(f"largest relative difference to serial NumPy: {difference:.1e} "
          f"(at most {TOLERANCE:.0e} is right)")
    return int(not difference <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
