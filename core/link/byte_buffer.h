// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/ring/ring.h"

namespace nuring::link {

// ByteBuffer keeps input that cannot be handled yet: the start of an operation whose rest is still to
// come, or what a paused link had received. Empty it holds no memory after shrink().
// Threads: one worker. Errors: none. Source: ours (std::string would not promise readable slack).
class ByteBuffer {
  public:
    ByteBuffer() = default;
    ~ByteBuffer() { std::free(bytes_); }
    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;
    ByteBuffer(ByteBuffer&& other) noexcept { swap(other); }

    bool empty() const { return size_ == 0; }
    size_t size() const { return size_; }
    size_t capacity() const { return capacity_; }
    char* begin() { return bytes_ + erased_; }
    char* end() { return begin() + size_; }

    void reserve(size_t capacity) {
        if (erased_ + capacity <= capacity_) return;
        close_up();
        if (capacity <= capacity_) return;
        capacity_ = std::max(capacity, kBytesMin);
        bytes_ = static_cast<char*>(std::realloc(bytes_, capacity_ + ring::kReceiveSlackBytes));
        assert(bytes_ != nullptr && "no memory");
    }
    void append(const char* bytes, size_t size) {
        if (size == 0) return;
        if (erased_ + size_ + size > capacity_) {
            close_up();
            if (size_ + size > capacity_) reserve(std::max(size_ + size, 2 * capacity_));
        }
        std::memcpy(end(), bytes, size);
        size_ += size;
    }
    void clear() { size_ = erased_ = 0; }
    // The rest moves only when it is the smaller part: many small steps cost as much as one.
    void erase_front(size_t size) {
        assert(size <= size_);
        size_ -= size;
        erased_ += size;
        if (size_ <= erased_) close_up();
    }
    void swap(ByteBuffer& other) {
        std::swap(bytes_, other.bytes_);
        std::swap(erased_, other.erased_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }
    void shrink() {
        if (size_ != 0) return;
        std::free(bytes_);
        bytes_ = nullptr;
        erased_ = capacity_ = 0;
    }

  private:
    void close_up() {
        if (erased_ == 0) return;
        std::memmove(bytes_, bytes_ + erased_, size_);
        erased_ = 0;
    }

    static constexpr size_t kBytesMin = 256;

    char* bytes_ = nullptr;
    size_t erased_ = 0;  // at the front
    size_t size_ = 0;
    size_t capacity_ = 0;
};

}  // namespace nuring::link
