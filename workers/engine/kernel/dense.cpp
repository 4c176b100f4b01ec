// Whole training steps of one stack of dense layers: minibatch, forward, backward, update.
//
// A network is trained by itself, many steps in a row, with everything it needs in the nearest caches; so
// nothing it computes can depend on other networks. Samples pass in blocks of rows. Numbers of a layer lie
// in rows that are filled up to whole vectors; what fills them is zero and stays zero.
#include <cstring>
#include <vector>

#include "updates.hpp"

namespace {

// As workers/engine/compiled.py lays them out, one row of a table of 64-bit integers per layer.
struct Layer {
    int64_t in, out, in_padded, out_padded;
    int64_t activation;
    int64_t residual;  // whether it adds its input to its output
    int64_t thin;      // weights (out, in) instead of (in, out): fewer outputs than half a vector
    int64_t weight, bias;  // where they lie among the parameters; -1: no bias
    int64_t copy;          // where the transposed weights lie among the copies; -1: none needed
};

struct Stack {
    const Layer* layers;
    int64_t depth, numbers, copied, block;  // parameters; numbers of all copies; rows per block
};

template <typename T>
struct Network {
    const Stack& stack;
    T *parameters, *gradients, *copies;
    T* exact;                 // targets (block, out)
    std::vector<T*> hidden;   // inputs (block, in), then each layer's outputs (block, out)
    std::vector<T*> slopes;   // derivatives of the activations
    std::vector<T*> delta;    // derivatives of the loss by the outputs

    Network(const Stack& given, T* memory, T* workspace) : stack(given), parameters(memory) {
        gradients = taken(workspace, stack.numbers);
        copies = taken(workspace, stack.copied);
        exact = taken(workspace, stack.block * last().out);
        hidden.push_back(taken(workspace, stack.block * stack.layers[0].in_padded));
        for (int64_t i = 0; i < stack.depth; i++)
            for (auto* buffers : {&hidden, &slopes, &delta})
                buffers->push_back(taken(workspace, stack.block * stack.layers[i].out_padded));
    }

    const Layer& last() const { return stack.layers[stack.depth - 1]; }

    static T* taken(T*& workspace, int64_t numbers) {
        T* place = workspace;
        workspace += numbers;
        return place;
    }

    void copy_weights() {
        for (int64_t i = 1; i < stack.depth; i++) {
            const Layer& layer = stack.layers[i];
            if (layer.copy >= 0)
                transpose(layer.in, layer.out, parameters + layer.weight, layer.out_padded, copies + layer.copy,
                          layer.in_padded);
        }
    }

    // Gather rows of the tables (n, in) and (n, out); without indices those from `first` on, without targets none.
    void take(const T* inputs, const T* targets, const int64_t* indices, int64_t first, int64_t some) {
        const Layer& layer = stack.layers[0];
        for (int64_t r = 0; r < some; r++) {
            const int64_t source = indices ? indices[r] : first + r;
            T* row = hidden[0] + r * layer.in_padded;
            for (int64_t i = 0; i < layer.in; i++) row[i] = inputs[source * layer.in + i];
            for (int64_t i = layer.in; i < layer.in_padded; i++) row[i] = 0;
            if (targets) std::memcpy(exact + r * last().out, targets + source * last().out, last().out * sizeof(T));
        }
    }

    T* forward(int64_t some) {
        for (int64_t i = 0; i < stack.depth; i++) {
            const Layer& layer = stack.layers[i];
            T* out = hidden[i + 1];
            multiply(layer, some, hidden[i], out);
            if (i + 1 == stack.depth) break;
            activate(layer.activation, some * layer.out_padded, out, slopes[i]);
            if (layer.out < layer.out_padded)
                for (int64_t r = 0; r < some; r++)
                    for (int64_t o = layer.out; o < layer.out_padded; o++) out[r * layer.out_padded + o] = 0;
            if (layer.residual)
                for (int64_t k = 0; k < some * layer.out_padded; k++) out[k] += hidden[i][k];
        }
        return hidden[stack.depth];
    }

    void multiply(const Layer& layer, int64_t some, const T* in, T* out) {
        const T *weight = parameters + layer.weight, *bias = layer.bias < 0 ? nullptr : parameters + layer.bias;
        if (layer.thin) {
            for (int64_t r = 0; r < some; r++)
                for (int64_t o = 0; o < layer.out_padded; o++)
                    out[r * layer.out_padded + o] =
                        o < layer.out ? (bias ? bias[o] : T(0)) + dot(layer.in_padded, in + r * layer.in_padded,
                                                                     weight + o * layer.in_padded)
                                      : T(0);
        } else if (bias) {
            product<T, Start::row>(some, layer.out_padded, layer.in, in, layer.in_padded, 1, weight, layer.out_padded,
                                   out, layer.out_padded, bias);
        } else {
            product<T, Start::zero>(some, layer.out_padded, layer.in, in, layer.in_padded, 1, weight, layer.out_padded,
                                    out, layer.out_padded);
        }
    }

    // From delta of the outputs to the gradients, which the first block sets and the others add to.
    void backward(int64_t some, bool first) {
        for (int64_t i = stack.depth - 1; i >= 0; i--) {
            const Layer& layer = stack.layers[i];
            const int64_t size = some * layer.out_padded;
            if (layer.residual && i) std::memcpy(delta[i - 1], delta[i], size * sizeof(T));
            if (i + 1 < stack.depth)
                for (int64_t k = 0; k < size; k++) delta[i][k] *= slopes[i][k];
            if (first)
                differentiate<Start::zero>(layer, some, hidden[i], delta[i]);
            else
                differentiate<Start::result>(layer, some, hidden[i], delta[i]);
            if (i == 0) return;
            const T* weight = layer.thin ? parameters + layer.weight : copies + layer.copy;
            if (layer.residual)
                product<T, Start::result>(some, layer.in_padded, layer.out, delta[i], layer.out_padded, 1, weight,
                                          layer.in_padded, delta[i - 1], layer.in_padded);
            else
                product<T, Start::zero>(some, layer.in_padded, layer.out, delta[i], layer.out_padded, 1, weight,
                                        layer.in_padded, delta[i - 1], layer.in_padded);
        }
    }

    template <Start start>
    void differentiate(const Layer& layer, int64_t some, const T* in, const T* change) {
        T* weight = gradients + layer.weight;
        if (layer.thin)
            product<T, start>(layer.out, layer.in_padded, some, change, 1, layer.out_padded, in, layer.in_padded,
                              weight, layer.in_padded);
        else
            product<T, start>(layer.in, layer.out_padded, some, in, 1, layer.in_padded, change, layer.out_padded,
                              weight, layer.out_padded);
        if (layer.bias < 0) return;
        T* bias = gradients + layer.bias;
        if (start == Start::zero) std::memset(bias, 0, layer.out_padded * sizeof(T));
        for (int64_t r = 0; r < some; r++)
            for (int64_t o = 0; o < layer.out_padded; o++) bias[o] += change[r * layer.out_padded + o];
    }
};

// Take `steps` steps of a network. inputs (n, in) and targets (n, out) are tables; indices (steps, rows) say
// which samples a step takes, null: all rows of the tables in their order. coefficients (steps, columns) are
// those of the optimizer. The loss of each step before its update goes to losses (steps,).
template <typename T>
void train(const Stack& stack, int optimizer, int loss, T* memory, T* workspace, const T* inputs, const T* targets,
           const int64_t* indices, int64_t rows, int64_t steps, const T* coefficients, int64_t columns,
           double* losses) {
    Network<T> network(stack, memory, workspace);
    const Layer& last = network.last();
    network.copy_weights();
    for (int64_t step = 0; step < steps; step++) {
        double value = 0;
        for (int64_t first = 0; first < rows; first += stack.block) {
            const int64_t some = rows - first < stack.block ? rows - first : stack.block;
            const int64_t* chosen = indices ? indices + step * rows + first : nullptr;
            network.take(inputs, targets, chosen, first, some);
            const T* found = network.forward(some);
            value += (loss == MSE ? squared_error<T> : cross_entropy<T>)(
                some, rows, last.out, last.out_padded, found, network.exact, network.delta[stack.depth - 1]);
            network.backward(some, first == 0);
        }
        losses[step] = value;
        update(optimizer, stack.numbers, memory, network.gradients, coefficients + step * columns);
        network.copy_weights();
    }
}

// Map inputs (n, in) to found (n, out).
template <typename T>
void evaluate(const Stack& stack, T* memory, T* workspace, const T* inputs, int64_t count, T* found) {
    Network<T> network(stack, memory, workspace);
    const Layer& last = network.last();
    for (int64_t first = 0; first < count; first += stack.block) {
        const int64_t some = count - first < stack.block ? count - first : stack.block;
        network.take(inputs, nullptr, nullptr, first, some);
        const T* out = network.forward(some);
        for (int64_t r = 0; r < some; r++)
            std::memcpy(found + (first + r) * last.out, out + r * last.out_padded, last.out * sizeof(T));
    }
}

}  // namespace

#define EXPORT(T)                                                                                                   \
    extern "C" void train_##T(const Stack* stack, int64_t optimizer, int64_t loss, T* memory, T* workspace, const T* inputs, \
                              const T* targets, const int64_t* indices, int64_t rows, int64_t steps,                \
                              const T* coefficients, int64_t columns, double* losses) {                             \
        train<T>(*stack, optimizer, loss, memory, workspace, inputs, targets, indices, rows, steps, coefficients,   \
                 columns, losses);                                                                                  \
    }                                                                                                               \
    extern "C" void evaluate_##T(const Stack* stack, T* memory, T* workspace, const T* inputs, int64_t count,       \
                                 T* found) {                                                                        \
        evaluate<T>(*stack, memory, workspace, inputs, count, found);                                               \
    }                                                                                                               \
    extern "C" void activate_##T(int64_t kind, int64_t numbers, T* values, T* slopes) {                                 \
        activate<T>(kind, numbers, values, slopes);                                                                 \
    }

EXPORT(float)
EXPORT(double)
