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
        // The key as it meets the first byte, repeated; whole blocks leave it where it is.
        std::array<uint8_t, kBlockSize> repeated;
        for (size_t i = 0; i < kBlockSize; ++i) repeated[i] = key_[(phase_ + i) % kKeySize];
        Block key;
        std::memcpy(&key, repeated.data(), kBlockSize);
        size_t done = 0;
        for (; done + kBlockSize <= size; done += kBlockSize) {
            Block block;
            std::memcpy(&block, bytes + done, kBlockSize);
            block ^= key;
            std::memcpy(bytes + done, &block, kBlockSize);
        }
        for (size_t i = 0; done < size; ++done, ++i) {
            bytes[done] = static_cast<char>(static_cast<uint8_t>(bytes[done]) ^ repeated[i]);
        }
        phase_ = (phase_ + size) % kKeySize;
        assert(phase_ < kKeySize);
    }

  private:
    static constexpr size_t kBlockSize = 32;  // two registers of 16 bytes, or one of 32
    using Block = uint64_t __attribute__((vector_size(kBlockSize)));
    static_assert(kBlockSize % kKeySize == 0);

    Key key_ = {};
    size_t phase_ = 0;  // index of the key's byte that meets the next byte
};

}  // namespace nuring::proto
