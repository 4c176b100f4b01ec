// Optimizer steps and losses, as their components in workers/catalogue write them with tensors.
#pragma once

#include <cmath>

#include "activations.hpp"

// Numbered as in workers/experiments/backends.py.
enum Optimizer { SGD, NESTEROV, ADAM, ADAMW };
enum Loss { MSE, CROSS_ENTROPY };

template <typename Vector>
static inline Vector root(Vector x) {
    for (unsigned long i = 0; i < sizeof(x) / sizeof(x[0]); i++) x[i] = std::sqrt(x[i]);
    return x;
}

// Coefficients: -learning rate, momentum.
template <typename T, bool nesterov>
static void descend(long numbers, T* parameters, T* velocity, const T* gradients, const T* c) {
    for (long i = 0; i < numbers; i += Lanes<T>::count) {
        const auto gradient = at(gradients + i);
        const auto moved = at(velocity + i) * c[1] + gradient;
        at(velocity + i) = moved;
        at(parameters + i) += c[0] * (nesterov ? gradient + moved * c[1] : moved);
    }
}

// Coefficients: beta1, 1 - beta1, beta2, 1 - beta2, -step size, root correction, epsilon, and with decay: kept.
template <typename T, bool decay>
static void adapt(long numbers, T* parameters, T* mean, T* square, const T* gradients, const T* c) {
    for (long i = 0; i < numbers; i += Lanes<T>::count) {
        const auto gradient = at(gradients + i);
        const auto first = at(mean + i) * c[0] + gradient * c[1];
        const auto second = at(square + i) * c[2] + gradient * gradient * c[3];
        at(mean + i) = first;
        at(square + i) = second;
        const auto kept = decay ? at(parameters + i) * c[7] : at(parameters + i);
        at(parameters + i) = kept + first * c[4] / (root(second) / c[5] + c[6]);
    }
}

// `memory` holds the parameters and then the optimizer's buffers, `numbers` each.
template <typename T>
static void update(int optimizer, long numbers, T* memory, const T* gradients, const T* c) {
    T *first = memory + numbers, *second = memory + 2 * numbers;
    switch (optimizer) {
        case SGD: return descend<T, false>(numbers, memory, first, gradients, c);
        case NESTEROV: return descend<T, true>(numbers, memory, first, gradients, c);
        case ADAM: return adapt<T, false>(numbers, memory, first, second, gradients, c);
        default: return adapt<T, true>(numbers, memory, first, second, gradients, c);
    }
}

// Derivative of the mean squared error by the outputs of some rows of `rows`; returns their share of the loss.
template <typename T>
static double squared_error(long some, long rows, long outputs, long padded, const T* found, const T* exact, T* delta) {
    const T factor = T(2) / T(rows * outputs);
    double sum = 0;
    for (long r = 0; r < some; r++) {
        for (long o = 0; o < padded; o++) delta[r * padded + o] = 0;
        T square = 0;
        for (long o = 0; o < outputs; o++) {
            const T difference = found[r * padded + o] - exact[r * outputs + o];
            square += difference * difference;
            delta[r * padded + o] = difference * factor;
        }
        sum += square;
    }
    return sum / double(rows * outputs);
}

// The same for the cross-entropy of the softmax of the outputs with rows of probabilities.
template <typename T>
static double cross_entropy(long some, long rows, long outputs, long padded, const T* found, const T* exact, T* delta) {
    const T factor = T(1) / T(rows);
    double sum = 0;
    for (long r = 0; r < some; r++) {
        const T *z = found + r * padded, *y = exact + r * outputs;
        T* d = delta + r * padded;
        T highest = z[0], total = 0;
        for (long o = 1; o < outputs; o++) highest = z[o] > highest ? z[o] : highest;
        for (long o = 0; o < padded; o++) d[o] = z[o] - highest;
        for (long o = 0; o < padded; o += Lanes<T>::count) at(d + o) = exponential<T>(at(d + o));
        for (long o = 0; o < outputs; o++) total += d[o];
        T linear = 0;
        for (long o = 0; o < outputs; o++) linear += y[o] * (z[o] - highest);
        for (long o = 0; o < outputs; o++) d[o] = (d[o] / total - y[o]) * factor;
        for (long o = outputs; o < padded; o++) d[o] = 0;
        // exact rows sum to one
        sum += std::log(double(total)) - double(linear);
    }
    return sum / double(rows);
}
