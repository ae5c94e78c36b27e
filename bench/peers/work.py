# SPDX-License-Identifier: MPL-2.0
"""The functions that the pools in Python run: the same C as dpool's (bench/work.c), reached by ctypes."""
import ctypes
import os
import time

PICTURE_WIDTH, PICTURE_HEIGHT, N_TEXTS, N_NAPS = 1200, 800, 400, 2000
MAX_WORD_TABLE = 256 * 1024

library = ctypes.CDLL(os.environ["BENCH_WORK"])
library.work_count_words.restype = ctypes.c_long
library.work_nap_seconds.restype = ctypes.c_double

pixels = ctypes.create_string_buffer(PICTURE_WIDTH)
table = ctypes.create_string_buffer(MAX_WORD_TABLE)


def identity(value):
    return value


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def mandelbrot_row(row):
    library.work_mandelbrot_row(row, pixels)
    return pixels.raw


def count_words(path):
    size = library.work_count_words(path.encode(), table, ctypes.c_size_t(MAX_WORD_TABLE))
    if size < 0:
        raise OSError("cannot count the words of " + path)
    return table.raw[:size]


def write_texts(folder):
    if library.work_write_texts(folder.encode()) < 0:
        raise OSError("cannot write texts into " + folder)


def text_paths():
    return ["%s/text-%03d" % (os.environ["BENCH_TEXTS"], i) for i in range(N_TEXTS)]


def nap_seconds():
    return [library.work_nap_seconds(i) for i in range(N_NAPS)]
