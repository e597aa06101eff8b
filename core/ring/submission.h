// SPDX-License-Identifier: Apache-2.0
// One request to the kernel, owned by whoever made it, and its result.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nuring::ring {

inline constexpr uint32_t kNoBuffer = UINT32_MAX;
inline constexpr uint32_t kSmallRunBytes = 8 * 1024;

// Completion is the result of a submission, as handed to its completion function.
// Lifetime: the call. The bytes of a receive are lent: the receiver gives them back with
// Ring::return_buffer(buffer), during the call or later, exactly once.
struct Completion {
    int32_t result = 0;           // bytes, a descriptor, or -errno
    bool more = false;            // multishot requests: still armed, further completions follow
    uint32_t buffer = kNoBuffer;  // receive only: names the lent buffer
    char* bytes = nullptr;        // receive only: result bytes, then kReceiveSlackBytes readable
};

// Submission is a request in flight. It is a member of what it belongs to, is neither copied nor
// moved, and must stay where it is until its last completion (the one with more == false).
// Threads: the worker that owns the ring.
// Limits:  a submission carries one request at a time (`pending` says whether it does).
// Errors:  come as a negative result of the completion.
struct Submission {
    using CompleteFunction = void (*)(Submission&, const Completion&);

    explicit Submission(CompleteFunction function) : complete(function) {}
    Submission(const Submission&) = delete;
    Submission& operator=(const Submission&) = delete;

    CompleteFunction complete;  // called by Ring::turn(), once per completion
    bool pending = false;       // set by the ring: a request is in flight
    // receive: at most kSmallRunBytes at a time, so that a cancellation comes before much more is received. A
    // change counts from the request after the next.
    bool in_small_runs = false;

    // The members below belong to the ring.
    enum class Kind : uint8_t { kNone, kAccept, kConnect, kReceive, kSend };
    Kind kind = Kind::kNone;
    bool cancelled = false;
    bool is_slow = false;  // receive: the last large one took long to handle; also of the one before it
    bool is_quiet = true;  // receive: the last run of bytes was short
    uint32_t postponed_count = 0;  // receive: runs of bytes that wait for the next turn
    int fd = -1;
    Submission* next = nullptr;
    void* state = nullptr;
};

}  // namespace nuring::ring
