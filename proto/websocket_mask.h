// SPDX-License-Identifier: Apache-2.0
// The mask of WebSocket payloads: each byte is combined with one byte of a key of four, in turn.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace nuring::proto {

// WebsocketMask applies one key to one payload, in as many pieces as it comes in. Applying the same
// key again restores the bytes.
// Threads: any. Limits: none. Errors: none.
// Source:  RFC 6455, 5.3.
class WebsocketMask {
  public:
    static constexpr size_t kKeySize = 4;
    using Key = std::array<uint8_t, kKeySize>;

    WebsocketMask() = default;
    explicit WebsocketMask(const Key& key) : key_(key) {}

    // The next `size` bytes of the payload, in place.
    void apply(char* bytes, size_t size) {
        // The key as it meets the first byte, repeated; whole blocks and words leave it where it is.
        Key turned;
        for (size_t i = 0; i < kKeySize; ++i) turned[i] = key_[(phase_ + i) % kKeySize];
        uint32_t once = 0;
        std::memcpy(&once, turned.data(), kKeySize);
        const uint64_t word_key = uint64_t{once} << 32 | once;
        const Block block_key = {word_key, word_key};
        size_t done = 0;
        for (; done + 2 * kBlockSize <= size; done += 2 * kBlockSize) {
            apply_to(bytes + done, block_key);
            apply_to(bytes + done + kBlockSize, block_key);
        }
        // Frames of small messages are no more than this.
        for (; done + sizeof word_key <= size; done += sizeof word_key) {
            apply_to(bytes + done, word_key);
        }
        for (size_t i = 0; done < size; ++done, ++i) {
            bytes[done] = static_cast<char>(static_cast<uint8_t>(bytes[done]) ^ turned[i % kKeySize]);
        }
        phase_ = (phase_ + size) % kKeySize;
        assert(phase_ < kKeySize);
    }

  private:
    static constexpr size_t kBlockSize = 16;  // a register of any processor; two of them a step
    using Block = uint64_t __attribute__((vector_size(kBlockSize)));
    static_assert(kBlockSize % kKeySize == 0);

    template <class Part>
    static void apply_to(char* bytes, const Part& key) {
        Part part;
        std::memcpy(&part, bytes, sizeof part);
        part ^= key;
        std::memcpy(bytes, &part, sizeof part);
    }

    Key key_ = {};
    size_t phase_ = 0;  // index of the key's byte that meets the next byte
};

}  // namespace nuring::proto
