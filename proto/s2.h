// SPDX-License-Identifier: Apache-2.0
// S2, the compression of links between servers: Snappy's framing and blocks, with longer repeats and
// larger blocks.
//
//     chunk = type (1 byte)  size of the body (3 bytes, little endian)  body
//     ff: "S2sTwO", a stream begins     00: sum, block     01: sum, bytes as they are
//     80 to fe: skipped                 all others: an error
//
// Reading is ours: no library in C or C++ reads S2's repeats. Blocks are written by libsnappy, which
// is well kept: its blocks are valid S2, about as good as those of Go's default level, but for long
// runs, which become 21 times smaller at most. S2Encoder writes smaller ones. Figures: docs/benchmarks.md.
//
// Source:  klauspost/compress 1.20.4, s2/s2.go, reader.go, writer.go, decode_other.go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace nuring::proto {

class S2Encoder;

inline constexpr size_t kS2BlockMax = 4U << 20;  // bytes of a chunk, decompressed
// Bytes of a body that holds them: the largest encoding of a block, and the sum.
inline constexpr size_t kS2BodyMax = kS2BlockMax + 8 + 4;
inline constexpr std::string_view kS2Identifier("\xff\x06\x00\x00S2sTwO", 10);

enum class [[nodiscard]] S2Status : uint8_t{
    kNeedMore,     // all input is taken
    kBytes,        // decompressed bytes
    kCorrupt,      // "s2: corrupt input"
    kBadSum,       // "s2: corrupt input, crc mismatch"
    kUnsupported,  // "s2: unsupported input"
};

// The reference's text of an error; empty for the others.
std::string_view to_text(S2Status status);

// S2Reader decompresses a stream, chunk by chunk.
// Threads: one. Limits: sizes are checked before anything is allocated. A chunk that comes in pieces
//          is gathered, in memory that grows with what has come; with the decompressed block at most 8
//          MiB for a hostile peer, and nothing between chunks but a block of kKeptBytes. Work is
//          linear in input and output.
// Errors:  S2Status; after an error next() must not be called again.
// Lifetime: the bytes of kBytes are part of the reader or of the input, until the next call.
class S2Reader {
  public:
    static constexpr size_t kKeptBytes = 64 * 1024;

    // Chunks of more bytes, decompressed, are corrupt from now on; at most kS2BlockMax.
    void set_block_max(size_t size) { block_max_ = size; }

    // Takes bytes from the front of `input` up to the end of one chunk.
    S2Status next(std::string_view* input, std::string_view* bytes);

    // Are these bytes, of the last kBytes, part of the reader?
    bool owns(std::string_view bytes) const {
        const auto within = [&](const char* begin, size_t size) {
            return begin != nullptr && bytes.data() >= begin && bytes.data() <= begin + size;
        };
        return within(block_.get(), room_) || within(gathered_.data(), gathered_.size());
    }

    // The stream may end here.
    bool between_chunks() const { return head_filled_ == 0; }
    // Memory that it holds.
    size_t held_bytes() const { return gathered_.capacity() + room_; }

  private:
    static constexpr size_t kHeadSize = 4;

    S2Status check_head();
    bool take_body(std::string_view* input, std::string_view* body);
    S2Status read_body(std::string_view body, std::string_view* bytes);
    S2Status read_block(std::string_view body, std::string_view* bytes);
    void end_chunk();

    uint8_t head_[kHeadSize] = {};
    size_t head_filled_ = 0;
    size_t block_max_ = kS2BlockMax;
    size_t body_size_ = 0;
    size_t body_left_ = 0;  // bytes of the body that have not come
    bool identified_ = false;
    bool snappy_ = false;         // since the last identifier
    std::string gathered_;        // the beginning of a body
    bool gathered_used_ = false;  // the last bytes given out are part of it
    std::unique_ptr<char[]> block_;
    size_t room_ = 0;  // bytes of block_
};

// Decompresses one block: `size` bytes at `out`, behind which kS2Slack bytes may be written, too.
inline constexpr size_t kS2Slack = 64;
bool decode_s2_block(std::string_view tags, char* out, size_t size);
// The size that a block states; false: it states none that is allowed. The size is taken off `block`.
bool take_s2_block_size(std::string_view* block, uint32_t* size);

enum class S2Mode : uint8_t { kFast, kBetter, kStored };

// Room that write_s2_chunk() needs.
size_t s2_chunk_bound(size_t size, S2Mode mode);
// Writes one chunk with these bytes, at most kS2BlockMax, to `out`; returns its size. Input that does not
// become an eighth smaller is stored. kBetter needs an encoder, and at most S2Encoder::kBlockMax bytes.
size_t write_s2_chunk(std::string_view bytes, S2Mode mode, char* out, S2Encoder* encoder = nullptr);

}  // namespace nuring::proto
