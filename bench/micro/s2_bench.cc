// SPDX-License-Identifier: Apache-2.0
// S2: processor time per byte of the two encoders and of the reader, and how much smaller frames of routes
// become, with several kinds of payload. Environment: S2_BENCH_FOLDER is where to write these, for encoders
// of others.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "proto/s2.h"
#include "proto/s2_encoder.h"

namespace nuring::proto {
namespace {

constexpr size_t kTextBytes = 4U << 20;

std::mt19937& source() {
    static std::mt19937 random(7);
    return random;
}

unsigned draw() {
    return static_cast<unsigned>(source()());
}

std::string json_payload() {
    constexpr std::string_view kStates[] = {"new", "paid", "shipped", "cancelled"};
    std::string items;
    for (unsigned i = draw() % 4 + 1; i > 0; --i) {
        items += fmt::format(R"({{"sku":"SKU-{:05}","qty":{}}}{})", draw() % 3000, draw() % 9, i > 1 ? "," : "");
    }
    return fmt::format(R"({{"order_id":{},"customer":"cust-{:06}","status":"{}","amount":{}.{:02},"items":[{}],)"
                       R"("created_at":"2026-11-{:02}T{:02}:{:02}:{:02}.{:03}Z"}})",
                       draw() % 1000000000, draw() % 50000, kStates[draw() % 4], draw() % 500,
                       draw() % 100, items, draw() % 30 + 1, draw() % 24, draw() % 60, draw() % 60,
                       draw() % 1000);
}

// Like Protocol Buffers: tags, varints, doubles, short strings.
std::string binary_payload() {
    static uint64_t time = 1'790'000'000'000;
    time += draw() % 50;
    std::string bytes;
    const auto varint = [&bytes](uint64_t value) {
        for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
        bytes += static_cast<char>(value);
    };
    bytes += '\x08';
    varint(draw() % 1000000);
    bytes += '\x10';
    varint(time);
    bytes += fmt::format("\x1a\x0bsensor-{:04}", draw() % 2000);
    for (int field = 4; field < 10; ++field) {
        bytes += static_cast<char>(field << 3 | field % 2);
        if (field % 2 == 0) {
            varint(draw() % (1U << 14));
            continue;
        }
        const double value = static_cast<double>(draw() % 2000) / 100 + 10;
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    return bytes;
}

std::string text_payload() {
    static const std::vector<std::string> words = [] {
        std::vector<std::string> made(2000);
        for (std::string& word : made) {
            for (unsigned i = draw() % 8 + 2; i > 0; --i) word += "etaoinshrdlucmfw"[draw() % 16];
        }
        return made;
    }();
    std::exponential_distribution<double> rank(0.02);
    std::string text;
    for (unsigned i = draw() % 80 + 40; i > 0; --i) {
        text += words[std::min(static_cast<size_t>(rank(source())), words.size() - 1)] + " ";
    }
    return text;
}

std::string random_payload() {
    std::string bytes(256, '\0');
    for (char& each : bytes) each = static_cast<char>(draw());
    return bytes;
}

std::string frames_of(std::string (*payload)()) {
    std::string frames;
    while (frames.size() < kTextBytes) {
        const std::string body = payload();
        frames += fmt::format("RMSG $G kind.of.{} {}\r\n{}\r\n", draw() % 500, body.size(), body);
    }
    return frames;
}

void encode(benchmark::State& state, const std::string& text, S2Mode mode) {
    static S2Encoder encoder;
    const auto size = static_cast<size_t>(state.range(0)) * 1024;
    std::string out(s2_chunk_bound(size, mode), '\0');
    uint64_t read = 0;
    uint64_t written = 0;
    for (auto _ : state) {
        for (size_t at = 0; at < text.size(); at += size) {
            const std::string_view bytes = std::string_view(text).substr(at, size);
            written += write_s2_chunk(bytes, mode, out.data(), &encoder);
            read += bytes.size();
        }
    }
    state.SetBytesProcessed(static_cast<int64_t>(read));
    state.counters["ratio"] = static_cast<double>(read) / static_cast<double>(written);
}

void decode(benchmark::State& state, const std::string& text, S2Mode mode) {
    static S2Encoder encoder;
    constexpr size_t kSize = 32 * 1024;
    std::string stream(kS2Identifier);
    std::string out(s2_chunk_bound(kSize, mode), '\0');
    for (size_t at = 0; at < text.size(); at += kSize) {
        const std::string_view bytes = std::string_view(text).substr(at, kSize);
        stream += out.substr(0, write_s2_chunk(bytes, mode, out.data(), &encoder));
    }
    uint64_t read = 0;
    for (auto _ : state) {
        S2Reader reader;
        std::string_view input = stream;
        std::string_view bytes;
        while (reader.next(&input, &bytes) == S2Status::kBytes) read += bytes.size();
    }
    state.SetBytesProcessed(static_cast<int64_t>(read));
}

void add(const std::string& name, std::string text) {
    if (const char* folder = std::getenv("S2_BENCH_FOLDER"); folder != nullptr) {
        std::ofstream(fmt::format("{}/{}.bin", folder, name), std::ios::binary) << text;
    }
    static std::vector<std::unique_ptr<std::string>> texts;
    texts.push_back(std::make_unique<std::string>(std::move(text)));
    const std::string& kept = *texts.back();
    const auto add_mode = [&](const char* mode_name, S2Mode mode) {
        benchmark::RegisterBenchmark(fmt::format("encode/{}/{}", name, mode_name).c_str(),
                                     [&kept, mode](benchmark::State& state) { encode(state, kept, mode); })
            ->Arg(4)
            ->Arg(32)
            ->Arg(60);
        benchmark::RegisterBenchmark(fmt::format("decode/{}/{}", name, mode_name).c_str(),
                                     [&kept, mode](benchmark::State& state) { decode(state, kept, mode); });
    };
    add_mode("fast", S2Mode::kFast);
    add_mode("better", S2Mode::kBetter);
}

}  // namespace
}  // namespace nuring::proto

int main(int argc, char** argv) {
    using namespace nuring::proto;
    benchmark::Initialize(&argc, argv);
    add("json", frames_of(json_payload));
    add("binary", frames_of(binary_payload));
    add("text", frames_of(text_payload));
    add("random", frames_of(random_payload));
    benchmark::RunSpecifiedBenchmarks();
}
