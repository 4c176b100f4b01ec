// Matrix products in registers, for operands that lie in the cache.
//
// A tile of the result stays in registers while the inner dimension runs; each step loads a row of the right
// operand and broadcasts numbers of the left one (Goto and van de Geijn 2008, doi:10.1145/1356052.1356053,
// without packing: all operands here are small). Every number is summed in the order of the inner dimension,
// whatever the tile, so its bits depend on the operands alone.
#pragma once

#include <utility>

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

// Lane i of the lower or upper one of two rows, after blocks of `width` lanes off the diagonal changed places.
template <int width, bool upper, int lanes>
static constexpr int exchanged(int i) {
    const bool first = i / width % 2 == 0;
    return upper ? (first ? i + width : lanes + i) : (first ? i : lanes + i - width);
}

template <typename T, int width, bool upper, int... i>
static inline typename Lanes<T>::vector exchange(typename Lanes<T>::vector a, typename Lanes<T>::vector b,
                                                 std::integer_sequence<int, i...>) {
#if __has_builtin(__builtin_shufflevector)
    return __builtin_shufflevector(a, b, exchanged<width, upper, Lanes<T>::count>(i)...);
#else  // g++ 11 and before
    const decltype(a < b) lanes = {exchanged<width, upper, Lanes<T>::count>(i)...};
    return __builtin_shuffle(a, b, lanes);
#endif
}

// Transpose a square of rows, by exchanging blocks of 1, 2, 4, ... lanes.
template <typename T, int width = 1>
static inline void turn(typename Lanes<T>::vector* rows) {
    constexpr int lanes = Lanes<T>::count;
    if constexpr (width < lanes) {
        constexpr auto order = std::make_integer_sequence<int, lanes>{};
        for (int i = 0; i < lanes; i++)
            if (i / width % 2 == 0) {
                const auto a = rows[i], b = rows[i + width];
                rows[i] = exchange<T, width, false>(a, b, order);
                rows[i + width] = exchange<T, width, true>(a, b, order);
            }
        turn<T, 2 * width>(rows);
    }
}

// b (n, m) = the transpose of a (m, n); rows of both are filled up to whole vectors, those of b with zeros.
template <typename T>
static void transpose(long m, long n, const T* a, long a_row, T* b, long b_row) {
    constexpr int lanes = Lanes<T>::count;
    for (long i = 0; i < m; i += lanes)
        for (long j = 0; j < n; j += lanes) {
            typename Lanes<T>::vector rows[lanes];
            for (int k = 0; k < lanes; k++)
                rows[k] = i + k < m ? at(a + (i + k) * a_row + j) : typename Lanes<T>::vector{};
            turn<T>(rows);
            for (int k = 0; k < lanes && j + k < n; k++) at(b + (j + k) * b_row + i) = rows[k];
        }
}
