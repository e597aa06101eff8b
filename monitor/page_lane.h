// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "monitor/http_answer.h"

namespace nuring::monitor {

struct MadeAnswer {
    HttpAnswerPtr answer;  // null: it could not be made
    uint64_t cost_ns = 0;  // of processor time, here and on the workers
};

// PageLane makes large pages, one at a time, on a thread of its own, so that small ones never wait for
// them.
// Threads: start(), stop() and what is below them on the server's thread; `make` and `finished` are called
//          on the lane's own.
// Limits:  one page at a time. Errors: what `make` throws (memory) becomes a null answer.
// Lifetime: stop() waits for the page that is being made.
class PageLane {
  public:
    using Make = std::function<MadeAnswer(std::string_view target)>;

    PageLane(Make make, std::function<void()> finished)
        : make_(std::move(make)), finished_(std::move(finished)) {}
    ~PageLane() { stop(); }
    PageLane(const PageLane&) = delete;
    PageLane& operator=(const PageLane&) = delete;

    void start();
    void stop();

    // Is there neither a page in the making nor one that has not been taken?
    bool idle();
    // When idle.
    void begin(std::string target);
    // The page that has been made since begin().
    std::optional<MadeAnswer> take();

  private:
    void run();

    const Make make_;
    const std::function<void()> finished_;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;            // guarded by mutex_, as what follows
    std::optional<std::string> wanted_;  // until it has been made
    std::optional<MadeAnswer> made_;
};

}  // namespace nuring::monitor
