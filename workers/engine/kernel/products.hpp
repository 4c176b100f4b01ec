// Matrix products in registers, for operands that lie in the cache.
//
// A tile of the result stays in registers while the inner dimension runs; each step loads a row of the right
// operand and broadcasts numbers of the left one (Goto and van de Geijn 2008, doi:10.1145/1356052.1356053,
// without packing: all operands here are small). Every number is summed in the order of the inner dimension,
// whatever the tile, so its bits depend on the operands alone.
#pragma once

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64, TILE_ROWS = 8;
#elif defined(__AVX__)
constexpr int VECTOR_BYTES = 32, TILE_ROWS = 6;  // 16 registers: 12 sums, 2 columns, 1 broadcast
#elif defined(__aarch64__)
constexpr int VECTOR_BYTES = 16, TILE_ROWS = 8;
#else
constexpr int VECTOR_BYTES = 16, TILE_ROWS = 6;
#endif
constexpr int TILE_VECTORS = 2;  // measured: 8 by 2 vectors of 64 bytes reach 260 of 270 GFLOP/s

template <typename T>
struct Lanes {
    static constexpr int count = VECTOR_BYTES / sizeof(T);
    // Aligned as its numbers are: no operand has to lie on a boundary.
    typedef T vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
};

template <typename T>
static inline typename Lanes<T>::vector& at(T* place) {
    return *reinterpret_cast<typename Lanes<T>::vector*>(place);
}

template <typename T>
static inline const typename Lanes<T>::vector& at(const T* place) {
    return *reinterpret_cast<const typename Lanes<T>::vector*>(place);
}

// Where a sum starts: at zero, at what the result holds, or at a row that all rows of the result share.
enum class Start { zero, result, row };

// c[i, j] = start + sum over k of a[i, k] b[k, j]: a tile of the result.
template <typename T, int rows, int vectors, Start start>
static inline void tile(long inner, const T* a, long a_row, long a_column, const T* b, long b_row, T* c, long c_row,
                        const T* row) {
    typedef typename Lanes<T>::vector Vector;
    constexpr int lanes = Lanes<T>::count;
    Vector sums[rows][vectors];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
            if constexpr (start == Start::zero)
                sums[i][j] = Vector{};
            else if constexpr (start == Start::result)
                sums[i][j] = at(c + i * c_row + j * lanes);
            else
                sums[i][j] = at(row + j * lanes);
        }
    for (long k = 0; k < inner; k++) {
        Vector columns[vectors];
        for (int j = 0; j < vectors; j++) columns[j] = at(b + k * b_row + j * lanes);
        for (int i = 0; i < rows; i++) {
            const T factor = a[i * a_row + k * a_column];
            for (int j = 0; j < vectors; j++) sums[i][j] += factor * columns[j];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) at(c + i * c_row + j * lanes) = sums[i][j];
}

template <typename T, int vectors, Start start>
static void band(long m, long inner, const T* a, long a_row, long a_column, const T* b, long b_row, T* c, long c_row,
                 const T* row) {
    long i = 0;
    for (; i + TILE_ROWS <= m; i += TILE_ROWS)
        tile<T, TILE_ROWS, vectors, start>(inner, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, row);
    for (; i + 4 <= m; i += 4)
        tile<T, 4, vectors, start>(inner, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, row);
    for (; i < m; i++)
        tile<T, 1, vectors, start>(inner, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, row);
}

// c (m, n) = start + a (m, inner) b (inner, n); n is a multiple of the lanes, a has any strides.
template <typename T, Start start>
static void product(long m, long n, long inner, const T* a, long a_row, long a_column, const T* b, long b_row, T* c,
                    long c_row, const T* row = nullptr) {
    constexpr int lanes = Lanes<T>::count;
    long j = 0;
    if (m == 1)  // a single row: more columns at once hide the latency of its sums
        for (; j + 4 * lanes <= n; j += 4 * lanes)
            band<T, 4, start>(m, inner, a, a_row, a_column, b + j, b_row, c + j, c_row, row ? row + j : row);
    for (; j + TILE_VECTORS * lanes <= n; j += TILE_VECTORS * lanes)
        band<T, TILE_VECTORS, start>(m, inner, a, a_row, a_column, b + j, b_row, c + j, c_row, row ? row + j : row);
    for (; j < n; j += lanes)
        band<T, 1, start>(m, inner, a, a_row, a_column, b + j, b_row, c + j, c_row, row ? row + j : row);
}

// The sum of a[i] b[i] over n numbers, a multiple of the lanes.
template <typename T>
static inline T dot(long n, const T* a, const T* b) {
    typedef typename Lanes<T>::vector Vector;
    constexpr int lanes = Lanes<T>::count;
    Vector even{}, odd{};
    long i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        even += at(a + i) * at(b + i);
        odd += at(a + i + lanes) * at(b + i + lanes);
    }
    if (i < n) even += at(a + i) * at(b + i);
    T sums[lanes];
    at(sums) = even + odd;
    for (int width = lanes / 2; width > 0; width /= 2)
        for (int k = 0; k < width; k++) sums[k] += sums[k + width];
    return sums[0];
}

// b (n, m) = the transpose of a (m, n), a block of a vector's width at a time: it stays in the nearest cache.
template <typename T>
static void transpose(long m, long n, const T* a, long a_row, T* b, long b_row) {
    constexpr int block = Lanes<T>::count;
    for (long i = 0; i < m; i += block)
        for (long j = 0; j < n; j += block) {
            const long last = i + block < m ? i + block : m, end = j + block < n ? j + block : n;
            for (long q = j; q < end; q++)
                for (long p = i; p < last; p++) b[q * b_row + p] = a[p * a_row + q];
        }
}
