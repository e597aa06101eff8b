// SPDX-License-Identifier: Apache-2.0
#include "proto/s2.h"

#include <snappy.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "proto/crc32c.h"
#include "proto/s2_encoder.h"

namespace nuring::proto {
namespace {

constexpr uint8_t kCompressedChunk = 0x00;
constexpr uint8_t kStoredChunk = 0x01;
constexpr uint8_t kFirstSkippable = 0x80;
constexpr uint8_t kIdentifierChunk = 0xff;
constexpr size_t kChunkHeadSize = 4;
constexpr size_t kSumSize = 4;
constexpr size_t kSnappyBlockMax = 64 * 1024;
constexpr size_t kGatheredFirst = 4096;
constexpr size_t kWorthCompressing = 32;  // bytes
constexpr std::string_view kS2Magic = "S2sTwO";
constexpr std::string_view kSnappyMagic = "sNaPpY";
static_assert(kS2Identifier.size() == kChunkHeadSize + kS2Magic.size());
static_assert(kS2BodyMax < 1U << 24);

uint32_t little_endian(const uint8_t* from, size_t size) {
    uint32_t value = 0;
    for (size_t i = size; i > 0; --i) value = value << 8 | from[i - 1];
    return value;
}

uint32_t masked_sum(std::string_view bytes) {
    const uint32_t sum = crc32c(bytes);
    return ((sum >> 15) | (sum << 17)) + 0xa282ead8U;
}

const uint8_t* bytes_of(std::string_view text) {
    return reinterpret_cast<const uint8_t*>(text.data());
}

// One tag of a block: a literal, or a copy of what has been decoded.
struct Tag {
    bool literal = false;
    uint64_t size = 0;
    uint64_t offset = 0;  // copies; 0: as the last one
};

// Reads the tag at `*at`; false: it is cut off.
bool read_literal(uint8_t first, const uint8_t** at, const uint8_t* end, Tag* tag) {
    tag->literal = true;
    const uint32_t m = first >> 2;
    if (m < 60) {
        tag->size = m + 1;
        return true;
    }
    const size_t operand = m - 59;
    if (static_cast<size_t>(end - *at) < operand) return false;
    tag->size = uint64_t{little_endian(*at, operand)} + 1;
    *at += operand;
    return true;
}

// A copy with an offset of 11 bits; an offset of 0 is the sign of a repeat.
bool read_short_copy(uint8_t first, const uint8_t** at, const uint8_t* end, Tag* tag) {
    if (*at == end) return false;
    tag->offset = (first & 0xe0U) << 3 | *(*at)++;
    const uint32_t k = first >> 2 & 7;
    tag->size = 4 + k;
    if (tag->offset != 0 || k < 5) return true;
    const size_t operand = k - 4;
    if (static_cast<size_t>(end - *at) < operand) return false;
    constexpr uint32_t kBase[] = {8, 260, 65540};
    tag->size = uint64_t{kBase[operand - 1]} + little_endian(*at, operand);
    *at += operand;
    return true;
}

bool read_tag(const uint8_t** at, const uint8_t* end, Tag* tag) {
    const uint8_t first = *(*at)++;
    switch (first & 3) {
        case 0:
            return read_literal(first, at, end, tag);
        case 1:
            tag->literal = false;
            return read_short_copy(first, at, end, tag);
        default: {
            const size_t operand = (first & 3) == 2 ? 2 : 4;
            if (static_cast<size_t>(end - *at) < operand) return false;
            tag->literal = false;
            tag->offset = little_endian(*at, operand);
            tag->size = (first >> 2) + 1U;
            *at += operand;
            // Only the short form has repeats.
            return tag->offset != 0;
        }
    }
}

// Copies within the output, forwards: an offset below the size repeats a pattern. Writes up to
// kS2Slack bytes too many.
void copy_back(char* to, uint64_t offset, size_t size) {
    constexpr size_t kStep = 16;
    if (offset == 1) {
        std::memset(to, static_cast<uint8_t>(to[-1]), size);
        return;
    }
    size_t done = 0;
    if (offset < kStep) {
        // A pattern that repeats after `offset` bytes also repeats after a multiple of it.
        const uint64_t multiple = (kStep + offset - 1) / offset * offset;
        for (; done < size && done < multiple - offset; ++done) to[done] = (to - offset)[done];
        offset = multiple;
    }
    const char* from = to - offset;
    for (; done < size; done += kStep) {
        char block[kStep];
        std::memcpy(block, from + done, kStep);
        std::memcpy(to + done, block, kStep);
    }
}

void copy_literal(char* to, const uint8_t* from, const uint8_t* end, size_t size) {
    constexpr size_t kStep = 16;
    if (size <= kStep && static_cast<size_t>(end - from) >= kStep) {
        std::memcpy(to, from, kStep);
        return;
    }
    std::memcpy(to, from, size);
}

}  // namespace

std::string_view to_text(S2Status status) {
    switch (status) {
        case S2Status::kNeedMore:
        case S2Status::kBytes:
            break;
        case S2Status::kCorrupt:
            return "s2: corrupt input";
        case S2Status::kBadSum:
            return "s2: corrupt input, crc mismatch";
        case S2Status::kUnsupported:
            return "s2: unsupported input";
    }
    return {};
}

bool take_s2_block_size(std::string_view* block, uint32_t* size) {
    uint64_t value = 0;
    for (size_t i = 0; i < 5 && i < block->size(); ++i) {
        const auto byte = static_cast<uint8_t>((*block)[i]);
        value |= uint64_t{byte & 0x7fU} << (7 * i);
        if ((byte & 0x80) != 0) continue;
        if (value > kS2BlockMax) return false;
        *size = static_cast<uint32_t>(value);
        block->remove_prefix(i + 1);
        return true;
    }
    return false;
}

bool decode_s2_block(std::string_view tags, char* out, size_t size) {
    assert(size <= kS2BlockMax);
    const uint8_t* at = bytes_of(tags);
    const uint8_t* const end = at + tags.size();
    size_t made = 0;
    uint64_t last_offset = 0;
    while (at != end) {
        Tag tag;
        if (!read_tag(&at, end, &tag) || tag.size > size - made) return false;
        const auto count = static_cast<size_t>(tag.size);
        if (tag.literal) {
            if (static_cast<size_t>(end - at) < count) return false;
            copy_literal(out + made, at, end, count);
            at += count;
        } else {
            if (tag.offset != 0) last_offset = tag.offset;
            if (last_offset == 0 || last_offset > made) return false;
            copy_back(out + made, last_offset, count);
        }
        made += count;
    }
    assert(made <= size);
    return made == size;
}

// The head is complete: may a chunk begin like this?
S2Status S2Reader::check_head() {
    const uint8_t type = head_[0];
    body_size_ = little_endian(head_ + 1, 3);
    body_left_ = body_size_;
    if (!identified_ && type != kIdentifierChunk) return S2Status::kCorrupt;
    if (type == kIdentifierChunk) {
        return body_size_ == kS2Magic.size() ? S2Status::kNeedMore : S2Status::kCorrupt;
    }
    if (type == kCompressedChunk || type == kStoredChunk) {
        constexpr size_t kEncodingMore = kS2BodyMax - kS2BlockMax;
        if (body_size_ < kSumSize || body_size_ > block_max_ + kEncodingMore) return S2Status::kCorrupt;
        if (type == kStoredChunk &&
            body_size_ - kSumSize > (snappy_ ? std::min(kSnappyBlockMax, block_max_) : block_max_)) {
            return S2Status::kCorrupt;
        }
        return S2Status::kNeedMore;
    }
    return type < kFirstSkippable ? S2Status::kUnsupported : S2Status::kNeedMore;
}

// True: the whole body is there.
bool S2Reader::take_body(std::string_view* input, std::string_view* body) {
    const size_t size = std::min(body_left_, input->size());
    const std::string_view piece = input->substr(0, size);
    input->remove_prefix(size);
    body_left_ -= size;
    const bool kept = head_[0] < kFirstSkippable || head_[0] == kIdentifierChunk;
    if (body_left_ == 0 && gathered_.empty()) {
        *body = piece;
        return true;
    }
    if (kept) {
        // Memory follows what has come, not what was announced.
        const size_t needed = gathered_.size() + size;
        // Behind what is given out some bytes may be read.
        if (needed + kS2Slack > gathered_.capacity()) {
            gathered_.reserve(std::min(body_size_, std::max(kGatheredFirst, 2 * needed)) + kS2Slack);
        }
        gathered_ += piece;
    }
    *body = gathered_;
    return body_left_ == 0;
}

S2Status S2Reader::read_block(std::string_view body, std::string_view* bytes) {
    uint32_t size = 0;
    if (!take_s2_block_size(&body, &size) || size > block_max_ ||
        (snappy_ && size > kSnappyBlockMax))
        return S2Status::kCorrupt;
    const size_t needed = size + kS2Slack;
    if (needed > room_) {
        room_ = std::max(needed, kKeptBytes + kS2Slack);
        block_.reset(new char[room_]);
    }
    if (!decode_s2_block(body, block_.get(), size)) return S2Status::kCorrupt;
    *bytes = {block_.get(), size};
    return S2Status::kBytes;
}

S2Status S2Reader::read_body(std::string_view body, std::string_view* bytes) {
    const uint8_t type = head_[0];
    if (type == kIdentifierChunk) {
        if (body != kS2Magic && body != kSnappyMagic) return S2Status::kCorrupt;
        identified_ = true;
        snappy_ = body == kSnappyMagic;
        return S2Status::kNeedMore;
    }
    if (type >= kFirstSkippable) return S2Status::kNeedMore;
    assert(body.size() >= kSumSize);
    const uint32_t sum = little_endian(bytes_of(body), kSumSize);
    body.remove_prefix(kSumSize);
    *bytes = body;
    if (type == kCompressedChunk) {
        if (const S2Status status = read_block(body, bytes); status != S2Status::kBytes)
            return status;
    }
    return masked_sum(*bytes) == sum ? S2Status::kBytes : S2Status::kBadSum;
}

// The bytes of the last call are no longer needed.
void S2Reader::end_chunk() {
    if (room_ > kKeptBytes + kS2Slack) {
        block_.reset();
        room_ = 0;
    }
    if (!gathered_used_) return;
    gathered_used_ = false;
    gathered_ = std::string();
}

S2Status S2Reader::next(std::string_view* input, std::string_view* bytes) {
    *bytes = {};
    end_chunk();
    while (!input->empty()) {
        if (head_filled_ < kHeadSize) {
            head_[head_filled_++] = static_cast<uint8_t>(input->front());
            input->remove_prefix(1);
            if (head_filled_ < kHeadSize) continue;
            if (const S2Status status = check_head(); status != S2Status::kNeedMore) return status;
        }
        std::string_view body;
        if (!take_body(input, &body)) break;
        const S2Status status = read_body(body, bytes);
        head_filled_ = 0;
        gathered_used_ = true;
        if (status == S2Status::kBytes && !bytes->empty()) return status;
        *bytes = {};
        if (status != S2Status::kBytes && status != S2Status::kNeedMore) return status;
        end_chunk();
    }
    return S2Status::kNeedMore;
}

size_t s2_chunk_bound(size_t size, S2Mode mode) {
    return kChunkHeadSize + kSumSize + (mode == S2Mode::kFast ? snappy::MaxCompressedLength(size) : size);
}

size_t write_s2_chunk(std::string_view bytes, S2Mode mode, char* out, S2Encoder* encoder) {
    assert(bytes.size() <= kS2BlockMax);
    char* const body = out + kChunkHeadSize + kSumSize;
    size_t size = 0;
    uint8_t type = kCompressedChunk;
    const size_t size_max = bytes.size() - bytes.size() / 8;
    if (mode == S2Mode::kFast && bytes.size() >= kWorthCompressing) {
        snappy::RawCompress(bytes.data(), bytes.size(), body, &size);
        assert(size <= snappy::MaxCompressedLength(bytes.size()));
    }
    if (mode == S2Mode::kBetter && bytes.size() >= kWorthCompressing) {
        assert(encoder != nullptr);
        size = encoder->encode(bytes, body, size_max);
    }
    if (size == 0 || size > size_max) {
        type = kStoredChunk;
        size = bytes.size();
        std::memcpy(body, bytes.data(), size);
    }
    const auto put = [out](size_t at, uint32_t value, size_t count) {
        for (size_t i = 0; i < count; ++i) out[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
    };
    put(0, type, 1);
    put(1, static_cast<uint32_t>(size + kSumSize), 3);
    put(kChunkHeadSize, masked_sum(bytes), kSumSize);
    return kChunkHeadSize + kSumSize + size;
}

}  // namespace nuring::proto
