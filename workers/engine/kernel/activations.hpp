// Activation functions of whole vectors, each with its derivative, right to a few units in the last place.
#pragma once

#include <cstdint>
#include <limits>

#include "products.hpp"

// Numbered as in workers/experiments/backends.py.
enum Activation { IDENTITY, RELU, SQUARE, TANH, SIGMOID, SILU, SOFTPLUS, EXP };

template <typename T>
struct Format;

template <>
struct Format<float> {
    typedef int32_t bits __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
    static constexpr int mantissa = 23, bias = 127, taylor = 7, series = 8;
    static constexpr float shift = 0x1.8p23f;  // adding it leaves the nearest whole number in the lowest bits
    static constexpr float log2_high = 0x1.62e4p-1f, log2_low = 0x1.7f7d1cp-20f;  // ln 2 in two parts
    static constexpr float highest = 88.37626f, lowest = -87.33654f;               // exp is neither inf nor subnormal
};

template <>
struct Format<double> {
    typedef int64_t bits __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
    static constexpr int mantissa = 52, bias = 1023, taylor = 13, series = 17;
    static constexpr double shift = 0x1.8p52;
    static constexpr double log2_high = 0x1.62e42fefa38p-1, log2_low = 0x1.ef35793c7673p-45;
    static constexpr double highest = 709.0, lowest = -708.0;
};

template <typename T>
static inline typename Lanes<T>::vector all(T value) {
    return value - typename Lanes<T>::vector{};
}

// e**x = 2**n e**r with |r| <= ln(2)/2, and e**r by its Taylor sum: the rest is below half a unit. Infinite
// from just below the largest finite value on, and zero where the value would be subnormal.
template <typename T>
static inline typename Lanes<T>::vector exponential(typename Lanes<T>::vector x) {
    typedef typename Lanes<T>::vector Vector;
    typedef Format<T> F;
    const Vector low = all<T>(F::lowest), high = all<T>(F::highest);
    Vector inside = x < low ? low : x;
    inside = inside > high ? high : inside;
    const Vector shifted = inside * T(1.4426950408889634) + F::shift;
    const Vector whole = shifted - F::shift;
    const Vector rest = (inside - whole * F::log2_high) - whole * F::log2_low;
    T inverse[F::taylor + 1] = {1};
    for (int k = 1; k <= F::taylor; k++) inverse[k] = inverse[k - 1] / k;
    Vector sum = all<T>(inverse[F::taylor]);
    for (int k = F::taylor - 1; k >= 0; k--) sum = sum * rest + inverse[k];
    // The lowest bits of `shifted` are n; the exponent field of 2**n is n + bias.
    const typename F::bits power = ((typename F::bits)shifted + F::bias) << F::mantissa;
    sum *= (Vector)power;
    sum = x < low ? Vector{} : sum;
    return x > high ? all(std::numeric_limits<T>::infinity()) : sum;
}

template <typename T>
static inline typename Lanes<T>::vector logistic(typename Lanes<T>::vector x) {
    return T(1) / (T(1) + exponential<T>(-x));
}

// x P(x^2) / Q(x^2), the rational function of these degrees with the least greatest relative error on [0, 9],
// 1.3e-9, found by Lawson's iteration; from 9 on tanh is 1 to within half a unit.
static inline Lanes<float>::vector tangent(Lanes<float>::vector x) {
    typedef Lanes<float>::vector Vector;
    const Vector highest = all(9.0f), one = all(1.0f);
    Vector inside = x > highest ? highest : x;
    inside = inside < -highest ? -highest : inside;
    const Vector s = inside * inside;
    Vector top = s * -1.224594384230393e-11f + 3.064210218894914e-08f;
    top = top * s + 2.8031128749717027e-05f;
    top = top * s + 0.003869498847052455f;
    top = top * s + 0.13680848479270935f;
    top = (top * s + 1.0f) * inside;
    Vector bottom = s * 1.2890225207229378e-06f + 0.0003940697351936251f;
    bottom = bottom * s + 0.027250122278928757f;
    bottom = bottom * s + 0.47014179825782776f;
    bottom = bottom * s + 1.0f;
    const Vector found = top / bottom;
    const Vector upper = ((found > one) | (x > highest)) ? one : found;
    return ((found < -one) | (x < -highest)) ? -one : upper;
}

// Near zero Lambert's continued fraction x/(1 + x^2/(3 + x^2/(5 + ...))), cut after 15; elsewhere
// (e^2x - 1)/(e^2x + 1). One division serves both. At |x| = 0.6 the fraction is right to 1e-17.
static inline Lanes<double>::vector tangent(Lanes<double>::vector x) {
    typedef Lanes<double>::vector Vector;
    const Vector size = x < 0.0 ? -x : x;
    const Vector s = x * x;
    const Vector small_top = x * (((s * 36.0 + 6930.0) * s + 270270.0) * s + 2027025.0);
    const Vector small_bottom = (((s + 630.0) * s + 51975.0) * s + 945945.0) * s + 2027025.0;
    const Vector bounded = size > 20.0 ? all(20.0) : size;  // from there on it is 1
    const Vector power = exponential<double>(bounded + bounded);
    const Vector top = x < 0.0 ? 1.0 - power : power - 1.0;
    const Vector near = all(0.6);
    return (size < near ? small_top : top) / (size < near ? small_bottom : power + 1.0);
}

// log(1 + e^x) = max(x, 0) + 2 artanh(y/(2 + y)) with y = e^-|x|; the series of artanh falls as 9**-k.
template <typename T>
static inline typename Lanes<T>::vector soft_plus(typename Lanes<T>::vector x) {
    typedef typename Lanes<T>::vector Vector;
    const Vector y = exponential<T>(x < T(0) ? x : -x);
    const Vector t = y / (T(2) + y), s = t * t;
    Vector sum = all<T>(T(1) / T(2 * Format<T>::series + 1));
    for (int k = Format<T>::series - 1; k >= 0; k--) sum = sum * s + T(1) / T(2 * k + 1);
    return (x < T(0) ? Vector{} : x) + T(2) * t * sum;
}

// Replace z (rows, columns) by its activation, and write the derivative. NaN stays NaN.
template <typename T, int kind>
static void activated(long numbers, T* values, T* slopes) {
    typedef typename Lanes<T>::vector Vector;
    for (long i = 0; i < numbers; i += Lanes<T>::count) {
        const Vector z = at(values + i), one = all<T>(1);
        Vector value = z, slope = one;
        if constexpr (kind == RELU) {
            value = z < T(0) ? Vector{} : z;
            slope = z > T(0) ? one : Vector{};
        } else if constexpr (kind == SQUARE) {
            value = z * z;
            slope = z + z;
        } else if constexpr (kind == TANH) {
            value = tangent(z);
            slope = one - value * value;
        } else if constexpr (kind == SIGMOID) {
            value = logistic<T>(z);
            slope = value * (one - value);
        } else if constexpr (kind == SILU) {
            const Vector gate = logistic<T>(z);
            value = z * gate;
            slope = gate * (one + z * (one - gate));
        } else if constexpr (kind == SOFTPLUS) {
            value = soft_plus<T>(z);
            slope = logistic<T>(z);
        } else if constexpr (kind == EXP) {
            value = slope = exponential<T>(z);
        }
        at(values + i) = value;
        at(slopes + i) = slope;
    }
}

template <typename T>
static void activate(int kind, long numbers, T* values, T* slopes) {
    switch (kind) {
        case RELU: return activated<T, RELU>(numbers, values, slopes);
        case SQUARE: return activated<T, SQUARE>(numbers, values, slopes);
        case TANH: return activated<T, TANH>(numbers, values, slopes);
        case SIGMOID: return activated<T, SIGMOID>(numbers, values, slopes);
        case SILU: return activated<T, SILU>(numbers, values, slopes);
        case SOFTPLUS: return activated<T, SOFTPLUS>(numbers, values, slopes);
        case EXP: return activated<T, EXP>(numbers, values, slopes);
        default: return activated<T, IDENTITY>(numbers, values, slopes);
    }
}
