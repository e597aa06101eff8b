// SPDX-License-Identifier: Apache-2.0
// What another server sends, compressed: the bytes do not depend on how the stream is split, blocks
// decode as in a plain model (and as in libsnappy, where it takes them), and what is written comes
// back. Input: a byte for the size of pieces, then a stream; the same bytes are also tried as one
// block, and as a plan for a text with many repetitions.
#include <snappy.h>

#include <algorithm>
#include <optional>
#include <string>

#include "proto/s2.h"
#include "proto/s2_encoder.h"
#include "tests/fuzz/require.h"

namespace {

using namespace nuring::proto;
using nuring::test::require;

constexpr size_t kOutputMax = 16U << 20;
constexpr size_t kModelMax = 1U << 20;

struct Result {
    S2Status status = S2Status::kNeedMore;
    std::string text;
};

Result read_stream(std::string_view stream, size_t piece) {
    S2Reader reader;
    Result result;
    for (size_t at = 0; at < stream.size(); at += piece) {
        std::string_view input = stream.substr(at, piece);
        do {
            std::string_view bytes;
            result.status = reader.next(&input, &bytes);
            require((result.status == S2Status::kBytes) == !bytes.empty(), "bytes are bytes");
            require(bytes.size() <= kS2BlockMax, "a block has a limit");
            require(reader.held_bytes() <= kS2BlockMax + kS2BodyMax * 2, "memory has a limit");
            if (result.text.size() < kOutputMax) result.text += bytes;
        } while (result.status == S2Status::kBytes);
        if (result.status != S2Status::kNeedMore) {
            require(!to_text(result.status).empty(), "an error has a text");
            return result;
        }
        require(input.empty(), "all input is taken");
    }
    return result;
}

// Byte by byte.
std::optional<std::string> model(std::string_view tags, size_t size) {
    std::string out;
    size_t last = 0;
    const auto number = [&tags](size_t count, uint64_t* value) {
        if (tags.size() < count) return false;
        *value = 0;
        for (size_t i = 0; i < count; ++i)
            *value |= uint64_t{static_cast<uint8_t>(tags[i])} << (8 * i);
        tags.remove_prefix(count);
        return true;
    };
    while (!tags.empty()) {
        const uint32_t first = static_cast<uint8_t>(tags.front());
        tags.remove_prefix(1);
        uint64_t value = 0;
        uint64_t count = 0;
        if ((first & 3) == 0) {
            count = (first >> 2) + 1;
            if (count > 60 && !number(count - 60, &value)) return std::nullopt;
            if (count > 60) count = value + 1;
            if (count > tags.size() || out.size() + count > size) return std::nullopt;
            out += tags.substr(0, count);
            tags.remove_prefix(count);
            continue;
        }
        uint64_t offset = 0;
        if ((first & 3) == 1) {
            if (!number(1, &offset)) return std::nullopt;
            offset |= (first >> 5) << 8;
            const uint32_t k = first >> 2 & 7;
            count = k + 4;
            if (offset == 0 && k == 5) count = number(1, &value) ? value + 8 : 0;
            if (offset == 0 && k == 6) count = number(2, &value) ? value + 260 : 0;
            if (offset == 0 && k == 7) count = number(3, &value) ? value + 65540 : 0;
            if (offset != 0) last = offset;
        } else {
            if (!number((first & 3) == 2 ? 2 : 4, &offset)) return std::nullopt;
            count = (first >> 2) + 1;
            last = offset;
        }
        if (count == 0 || last == 0 || last > out.size() || out.size() + count > size)
            return std::nullopt;
        for (uint64_t i = 0; i < count; ++i) out += out[out.size() - last];
    }
    if (out.size() != size) return std::nullopt;
    return out;
}

void check_block(std::string_view block) {
    const std::string_view whole = block;
    uint32_t size = 0;
    if (!take_s2_block_size(&block, &size) || size > kModelMax) return;
    std::string out(size + kS2Slack, '\0');
    const bool good = decode_s2_block(block, out.data(), size);
    out.resize(size);
    const std::optional<std::string> expected = model(block, size);
    require(good == expected.has_value(), "the model agrees");
    require(!good || out == *expected, "on the bytes, too");
    std::string uncompressed;
    if (snappy::Uncompress(whole.data(), whole.size(), &uncompressed)) {
        require(good && out == uncompressed, "so does libsnappy");
    }
}

// A longer text: each four bytes of the input are a piece of it, or a copy of what is there already.
std::string repetitive(std::string_view input) {
    std::string text;
    for (; input.size() >= 4; input.remove_prefix(4)) {
        const auto byte = [&](size_t i) { return static_cast<uint8_t>(input[i]); };
        const size_t size = size_t{1} + byte(1) + ((byte(0) & 2) != 0 ? size_t{byte(3)} * 64 : 0);
        if ((byte(0) & 1) == 0) {
            text += input.substr(0, 1 + byte(1) % 80);
            continue;
        }
        const size_t back = size_t{1} + byte(2) + (byte(0) >> 2) * size_t{256};
        for (size_t i = 0; i < size && back <= text.size(); ++i) text += text[text.size() - back];
        if (text.size() > S2Encoder::kBlockMax) return text.substr(0, S2Encoder::kBlockMax);
    }
    return text;
}

// The encoder stays within its room, whatever that is, and its block is the text.
void check_encoder(std::string_view text, size_t room) {
    static S2Encoder encoder;
    if (text.empty()) return;
    text = text.substr(0, S2Encoder::kBlockMax);
    std::string out(room + 1, '#');
    const size_t size = encoder.encode(text, out.data(), room);
    require(size <= room && out.back() == '#', "room is room");
    if (size == 0) return;
    std::string_view block = std::string_view(out).substr(0, size);
    uint32_t stated = 0;
    require(take_s2_block_size(&block, &stated) && stated == text.size(), "a block states its size");
    std::string back(text.size() + kS2Slack, '\0');
    require(decode_s2_block(block, back.data(), text.size()), "a block is read");
    back.resize(text.size());
    require(back == text, "and is the same");
    const std::optional<std::string> expected = model(block, text.size());
    require(expected.has_value() && *expected == text, "also by the model");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size == 0) return 0;
    const std::string_view input = nuring::test::view_of(bytes + 1, size - 1);
    for (const std::string& stream :
         {std::string(input), std::string(kS2Identifier).append(input)}) {
        const Result whole = read_stream(stream, stream.size() + 1);
        const Result split = read_stream(stream, size_t{1} + bytes[0]);
        require(whole.status == split.status, "same answer in pieces");
        require(whole.text == split.text, "same bytes in pieces");
    }
    check_block(input);
    if (input.size() > 18) check_block(input.substr(18));  // the first block of a stream

    const std::string text = repetitive(input);
    for (const std::string_view each : {input, std::string_view(text)}) {
        check_encoder(each, each.size() + each.size() / 8 + 20);
        check_encoder(each, each.size() / (size_t{1} + bytes[0] % 8));
    }
    static S2Encoder encoder;
    for (const S2Mode mode : {S2Mode::kFast, S2Mode::kBetter, S2Mode::kStored}) {
        const size_t most = mode == S2Mode::kBetter ? S2Encoder::kBlockMax : input.size();
        const std::string_view written = input.substr(0, most);
        std::string stream(kS2Identifier);
        std::string chunk(s2_chunk_bound(written.size(), mode), '\0');
        chunk.resize(write_s2_chunk(written, mode, chunk.data(), &encoder));
        stream += chunk;
        const Result back = read_stream(stream, size_t{1} + bytes[0]);
        require(back.status == S2Status::kNeedMore, "what is written is read");
        require(back.text == written, "and is the same");
    }
    return 0;
}
