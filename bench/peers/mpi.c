// The ranks of the benchmark of collectives in MPI: the same calls, sizes and timing as bench/collectives/rank.ts.
//
//   mpirun -np <p> mpi <host of the benchmark> <port> <token>
//
// Speaks the lines of bench/collectives/protocol.ts. Every rank has its own connection to the benchmark and sleeps in a
// read between turns, because a rank that waits in MPI spins and would take a core from who is measured next.

#include <arpa/inet.h>
#include <mpi.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE = 256, MAX_RANKS = 1024 };

typedef struct {
  char op[16];
  int count, warmup, iterations, check;
} Turn;

static int rank, ranks, modulus;
static int counts[MAX_RANKS], begins[MAX_RANKS];
static float *input, *output;
static long capacity;

static FILE *dial(const char *host, int port);
static int parse(const char *line, Turn *turn);
static void split(int count);
static void reserve(long count);
static void measure(const Turn *turn, double *microseconds, double *cpu_seconds);
static void verify(const Turn *turn, char *mistake);
static float *call(const Turn *turn);
static float input_of(int r, long i);
static int largest_prime(int most);
static double cpu_time(void);
static void die(const char *what);

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc != 4 || ranks > MAX_RANKS) die("usage: mpi <host> <port> <token>, on at most 1024 ranks");
  modulus = largest_prime(256 / ranks);
  FILE *in = dial(argv[1], atoi(argv[2]));
  FILE *out = fdopen(dup(fileno(in)), "w");
  fprintf(out, "rank %d %s\n", rank, argv[3]);
  fflush(out);
  char line[LINE];
  while (fgets(line, sizeof line, in)) {
    Turn turn;
    if (!parse(line, &turn)) die("got a line that starts no turn");
    double cpu_seconds, *microseconds = malloc(turn.iterations * sizeof *microseconds);
    char mistake[LINE] = "";
    split(turn.count);
    reserve(turn.count);
    if (turn.check) verify(&turn, mistake);
    measure(&turn, microseconds, &cpu_seconds);
    if (turn.check) verify(&turn, mistake);
    if (mistake[0]) {
      fprintf(out, "error %s", mistake);
    } else {
      fprintf(out, "times - %.6f", cpu_seconds);
      for (int i = 0; i < turn.iterations; i++) fprintf(out, " %.3f", microseconds[i]);
    }
    fprintf(out, "\n");
    fflush(out);
    free(microseconds);
  }
  MPI_Finalize();
  return 0;
}

static FILE *dial(const char *host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) die("the host must be an IPv4 address");
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("cannot reach the benchmark");
  return fdopen(fd, "r");
}

static int parse(const char *line, Turn *turn) {
  char check[4];
  int fields = sscanf(line, "run %15s %d %d %d %3s", turn->op, &turn->count, &turn->warmup, &turn->iterations, check);
  turn->check = fields == 5 && strcmp(check, "on") == 0;
  return fields == 5;
}

// The first count mod p ranks have one element more.
static void split(int count) {
  for (int r = 0, begin = 0; r < ranks; begin += counts[r++]) {
    counts[r] = count / ranks + (r < count % ranks);
    begins[r] = begin;
  }
}

static void reserve(long count) {
  if (count <= capacity) return;
  free(input);
  free(output);
  capacity = count;
  input = calloc(count, sizeof *input);
  output = calloc(count, sizeof *output);
  if (!input || !output) die("out of memory");
}

static void measure(const Turn *turn, double *microseconds, double *cpu_seconds) {
  memset(input, 0, turn->count * sizeof *input);
  memset(output, 0, turn->count * sizeof *output);
  for (int i = 0; i < turn->warmup; i++) call(turn);
  MPI_Barrier(MPI_COMM_WORLD);
  double cpu_before = cpu_time();
  for (int i = 0; i < turn->iterations; i++) {
    double start = MPI_Wtime();
    call(turn);
    microseconds[i] = (MPI_Wtime() - start) * 1e6;
  }
  *cpu_seconds = cpu_time() - cpu_before;
}

// One call; returns where its result is. allReduce and broadcast work in place, as ours do.
static float *call(const Turn *turn) {
  if (strcmp(turn->op, "allReduce") == 0) {
    MPI_Allreduce(MPI_IN_PLACE, input, turn->count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    return input;
  }
  if (strcmp(turn->op, "reduceScatter") == 0) {
    MPI_Reduce_scatter(input, output, counts, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    return output;
  }
  if (strcmp(turn->op, "allGather") == 0) {
    MPI_Allgatherv(input, counts[rank], MPI_FLOAT, output, counts, begins, MPI_FLOAT, MPI_COMM_WORLD);
    return output;
  }
  if (strcmp(turn->op, "broadcast") == 0) {
    MPI_Bcast(input, turn->count, MPI_FLOAT, 0, MPI_COMM_WORLD);
    return input;
  }
  die("got an operation that is not known");
  return NULL;
}

// Makes one call on the inputs of bench/collectives/verifiable.ts, whose sums are exact.
static void verify(const Turn *turn, char *mistake) {
  int is_gather = strcmp(turn->op, "allGather") == 0, is_broadcast = strcmp(turn->op, "broadcast") == 0;
  int is_scatter = strcmp(turn->op, "reduceScatter") == 0;
  long first = is_gather ? begins[rank] : 0, length = is_gather ? counts[rank] : turn->count;
  for (long i = 0; i < length; i++) input[i] = input_of(rank, first + i);
  float *result = call(turn);
  long begin = is_scatter ? begins[rank] : 0, end = is_scatter ? begin + counts[rank] : turn->count;
  for (long i = begin, owner = 0; i < end; i++) {
    float wanted = 0;
    while (owner < ranks - 1 && i >= begins[owner + 1]) owner++;
    if (is_gather) wanted = input_of(owner, i);
    else if (is_broadcast) wanted = input_of(0, i);
    else for (int r = 0; r < ranks; r++) wanted += input_of(r, i);
    if (result[i - begin] != wanted) {
      snprintf(mistake, LINE, "rank %d's result of %s on %d elements is wrong: element %ld is %g instead of %g", rank,
               turn->op, turn->count, i, result[i - begin], wanted);
      return;
    }
  }
}

static float input_of(int r, long i) { return (7 * (i % modulus) + 5 * r) % modulus; }

static int largest_prime(int most) {
  for (int divisor = 2; divisor * divisor <= most; divisor++)
    if (most % divisor == 0) return largest_prime(most - 1);
  return most;
}

static double cpu_time(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void die(const char *what) {
  fprintf(stderr, "rank %d: %s\n", rank, what);
  MPI_Abort(MPI_COMM_WORLD, 1);
}
