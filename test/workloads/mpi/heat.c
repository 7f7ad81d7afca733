// SPDX-License-Identifier: MIT
// A checked MPI program: heat that spreads on a ring of cells, which the ranks share out among them, and a block
// of numbers that every rank hands to the next one in each round.
//
//     mpirun -np 2 heat STOPFILE MILLISECONDS
//
// Rests so long after each round, and ends once rank 0 sees the file. Then rank 0 computes the whole ring by itself,
// and every cell has to be the same to the last bit. Exit code 1: a cell or a block was wrong.
#include <errno.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CELLS = 512, BLOCK = 20000, REPORT = 10 };

struct ranks {
    int own, count, next, previous;
};

static double first(int cell) { return (double)(cell * 7919 % 1009); }

// The order of the operations is part of the answer: it is compared bit by bit.
static double spread(double left, double cell, double right) { return cell + 0.25 * (left - 2 * cell + right); }

static void compute_round(const struct ranks *ranks, double *cells)
{
    double left, right, old[CELLS];
    MPI_Sendrecv(&cells[CELLS - 1], 1, MPI_DOUBLE, ranks->next, 1, &left, 1, MPI_DOUBLE, ranks->previous, 1,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Sendrecv(&cells[0], 1, MPI_DOUBLE, ranks->previous, 2, &right, 1, MPI_DOUBLE, ranks->next, 2,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    memcpy(old, cells, sizeof(old));
    for (int i = 0; i < CELLS; i++)
        cells[i] = spread(i ? old[i - 1] : left, old[i], i < CELLS - 1 ? old[i + 1] : right);
}

static int pattern(int rank, long round, int i) { return (int)(rank * 1000003L + round * 31 + i); }

// Returns how many numbers of the block that has come are wrong.
static long hand_on(const struct ranks *ranks, long round)
{
    static int out[BLOCK], in[BLOCK];
    long wrong = 0;
    for (int i = 0; i < BLOCK; i++)
        out[i] = pattern(ranks->own, round, i);
    memset(in, 0, sizeof(in));
    MPI_Sendrecv(out, BLOCK, MPI_INT, ranks->next, 3, in, BLOCK, MPI_INT, ranks->previous, 3, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    for (int i = 0; i < BLOCK; i++)
        wrong += in[i] != pattern(ranks->previous, round, i);
    return wrong;
}

static void rest(int milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

// Returns how many cells differ from what one processor computes alone.
static long compare(const double *all, int cells, long rounds)
{
    double *now = malloc(cells * sizeof(double)), *old = malloc(cells * sizeof(double));
    long wrong = 0;
    for (int i = 0; i < cells; i++)
        now[i] = first(i);
    for (long round = 0; round < rounds; round++) {
        memcpy(old, now, cells * sizeof(double));
        for (int i = 0; i < cells; i++)
            now[i] = spread(old[(i + cells - 1) % cells], old[i], old[(i + 1) % cells]);
    }
    for (int i = 0; i < cells; i++)
        wrong += memcmp(&now[i], &all[i], sizeof(double)) != 0;
    free(now);
    free(old);
    return wrong;
}

int main(int argc, char **argv)
{
    struct ranks ranks;
    double cells[CELLS], *all = NULL;
    long round = 0, wrong_blocks = 0, wrong_cells = 0, wrong, total;
    int stop = 0;
    MPI_Init(&argc, &argv);
    if (argc != 3)
        MPI_Abort(MPI_COMM_WORLD, 2);
    MPI_Comm_rank(MPI_COMM_WORLD, &ranks.own);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks.count);
    ranks.next = (ranks.own + 1) % ranks.count;
    ranks.previous = (ranks.own + ranks.count - 1) % ranks.count;
    for (int i = 0; i < CELLS; i++)
        cells[i] = first(ranks.own * CELLS + i);
    for (; !stop; round++) {
        compute_round(&ranks, cells);
        wrong_blocks += hand_on(&ranks, round);
        if (ranks.own == 0) {
            stop = access(argv[1], F_OK) == 0;
            if (round % REPORT == 0)
                printf("round %ld\n", round);
            fflush(stdout);
        }
        MPI_Bcast(&stop, 1, MPI_INT, 0, MPI_COMM_WORLD);
        rest(atoi(argv[2]));
    }
    if (ranks.own == 0)
        all = malloc(ranks.count * sizeof(cells));
    MPI_Gather(cells, CELLS, MPI_DOUBLE, all, CELLS, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    if (ranks.own == 0)
        wrong_cells = compare(all, ranks.count * CELLS, round);
    wrong = wrong_blocks + wrong_cells;
    MPI_Allreduce(&wrong, &total, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    printf("rank %d: %ld rounds, %ld numbers wrong in blocks, %ld cells wrong\n", ranks.own, round, wrong_blocks,
           wrong_cells);
    free(all);
    MPI_Finalize();
    return total != 0;
}
