// Permutations from Philox4x32-10 words, the same numbers as workers/engine/philox.py draws.
//
// Source: Salmon et al. 2011, doi:10.1145/2063384.2063405. A permutation is the stable argsort of random
// 64-bit words: words fall into as many buckets as there are words, by their highest bits, and each bucket of
// about one is sorted by itself.
#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

constexpr uint32_t MULTIPLIERS[2] = {0xD2511F53, 0xCD9E8D57}, WEYL[2] = {0x9E3779B9, 0xBB67AE85};
constexpr int ROUNDS = 10, MOST_BITS = 16;  // buckets; more would leave the cache

// Words 2 block and 2 block + 1 of a step, low half first.
void draw(uint64_t key, uint64_t block, uint64_t step, uint64_t* words) {
    uint32_t c[4] = {uint32_t(block), uint32_t(block >> 32), uint32_t(step), uint32_t(step >> 32)};
    uint32_t k[2] = {uint32_t(key), uint32_t(key >> 32)};
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t first = uint64_t(MULTIPLIERS[0]) * c[0], second = uint64_t(MULTIPLIERS[1]) * c[2];
        c[0] = uint32_t(second >> 32) ^ c[1] ^ k[0];
        c[1] = uint32_t(second);
        c[2] = uint32_t(first >> 32) ^ c[3] ^ k[1];
        c[3] = uint32_t(first);
        k[0] += WEYL[0];
        k[1] += WEYL[1];
    }
    words[0] = c[0] | uint64_t(c[1]) << 32;
    words[1] = c[2] | uint64_t(c[3]) << 32;
}

void sort_into(const uint64_t* words, int64_t n, std::vector<uint32_t>& starts, int64_t* order) {
    int bits = 1;
    while (bits < MOST_BITS && int64_t(1) << bits < n) bits++;
    const int shift = 64 - bits;
    starts.assign((size_t(1) << bits) + 1, 0);
    for (int64_t i = 0; i < n; i++) starts[(words[i] >> shift) + 1]++;
    for (size_t b = 1; b < starts.size(); b++) starts[b] += starts[b - 1];
    for (int64_t i = 0; i < n; i++) order[starts[words[i] >> shift]++] = i;  // a start becomes its bucket's end
    const auto before = [words](int64_t a, int64_t b) { return words[a] < words[b] || (words[a] == words[b] && a < b); };
    uint32_t first = 0;
    for (size_t b = 0; b + 1 < starts.size(); first = starts[b++])
        if (starts[b] - first > 1) std::sort(order + first, order + starts[b], before);
}

}  // namespace

// Fill order (n,) with the stable argsort of words (n,).
extern "C" void argsort(const uint64_t* words, int64_t n, int64_t* order) {
    std::vector<uint32_t> starts;
    sort_into(words, n, starts, order);
}

// Fill found (count, n) with the permutations of these steps (count,).
extern "C" void permutations(uint64_t key, const uint64_t* steps, int64_t count, int64_t n, int64_t* found) {
    std::vector<uint64_t> words(n + 1);
    std::vector<uint32_t> starts;
    for (int64_t row = 0; row < count; row++) {
        for (int64_t i = 0; i < n; i += 2) draw(key, i / 2, steps[row], &words[i]);
        sort_into(words.data(), n, starts, found + row * n);
    }
}
