// SPDX-License-Identifier: Apache-2.0
#include "core/ring/receive_arena.h"

#include <sys/mman.h>

#include <fmt/format.h>

#include <cerrno>

#include "core/base/errno_text.h"
#include "core/base/remedy.h"

namespace nuring::ring {

constexpr size_t kCacheLineBytes = 64;

ReceiveArena::~ReceiveArena() {
    if (memory_ != nullptr) ::munmap(memory_, stride_ * count_);
}

absl::Status ReceiveArena::create(const RingOptions& options) {
    const size_t bytes = options.receive_buffer_bytes + kReceiveSlackBytes;
    const size_t stride = (bytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
    void* const memory = ::mmap(nullptr, stride * options.receive_buffer_count_max, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        const int error = errno;
        return absl::ResourceExhaustedError(fmt::format("memory for receive buffers: {}{}",
                                                        base::errno_text(error), base::file_remedy(error)));
    }
    memory_ = static_cast<char*>(memory);
    stride_ = stride;
    count_ = options.receive_buffer_count_max;
    free_.reserve(count_);
    for (uint32_t buffer = count_; buffer-- > 0;) free_.push_back(buffer);
    return absl::OkStatus();
}

}  // namespace nuring::ring
