// SPDX-License-Identifier: Apache-2.0
#include "monitor/page_lane.h"

#include <pthread.h>

#include <cassert>
#include <utility>

#include "core/runtime/thread_priority.h"

namespace nuring::monitor {
namespace {

// A tenth of a worker's weight: on a busy machine a large page takes longer, but is made in the end.
constexpr int kPageNiceness = 10;

}  // namespace

void PageLane::start() {
    thread_ = std::thread([this] {
        (void)::pthread_setname_np(::pthread_self(), "monitor-pages");
        runtime::give_way_to_workers(kPageNiceness);
        run();
    });
}

void PageLane::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

bool PageLane::idle() {
    const std::lock_guard lock(mutex_);
    return !wanted_.has_value() && !made_.has_value();
}

void PageLane::begin(std::string target) {
    {
        const std::lock_guard lock(mutex_);
        assert(!wanted_.has_value());
        assert(!made_.has_value());
        wanted_ = std::move(target);
    }
    changed_.notify_one();
}

std::optional<MadeAnswer> PageLane::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(made_, std::nullopt);
}

void PageLane::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stopping_ || wanted_.has_value(); });
        if (stopping_) return;
        const std::string target = *wanted_;
        lock.unlock();
        MadeAnswer made;
        try {
            made = make_(target);
        } catch (...) {
            made = {};  // out of memory: the asker's connection ends, the server stays
        }
        lock.lock();
        wanted_.reset();
        made_ = std::move(made);
        lock.unlock();
        finished_();
        lock.lock();
    }
}

}  // namespace nuring::monitor
