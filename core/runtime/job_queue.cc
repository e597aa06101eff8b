// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/job_queue.h"

#include <algorithm>
#include <cassert>

namespace nuring::runtime {

bool JobQueue::add(Entry entry) {
    assert(entry.worker != nullptr);
    assert(entry.job != nullptr);
    const std::string address = entry.asker.address;
    if (!address.empty()) {
        const auto known = waiting_.find(address);
        const bool crowded = known != waiting_.end() && known->second.size() >= kJobsPerAddressMax;
        if (crowded || size_ >= kJobsMax) drop_gone();
        if (size_ >= kJobsMax) return false;
        const auto left = waiting_.find(address);
        if (left != waiting_.end() && left->second.size() >= kJobsPerAddressMax) return false;
    }
    Waiting& waiting = waiting_[address];
    if (waiting.empty()) turns_.push_back(address);
    waiting.push_back(std::move(entry));
    ++size_;
    assert(turns_.size() == waiting_.size());
    return true;
}

std::optional<JobQueue::Entry> JobQueue::next() {
    while (!turns_.empty()) {
        std::string address = std::move(turns_.front());
        turns_.pop_front();
        const auto found = waiting_.find(address);
        assert(found != waiting_.end());
        Waiting& waiting = found->second;
        std::optional<Entry> entry;
        while (!waiting.empty() && !entry.has_value()) {
            if (waiting.front().asker.has_gone()) {
                waiting.pop_front();
            } else if (waiting.size() <= kInOrderMax || address.empty()) {
                entry = std::move(waiting.front());
                waiting.pop_front();
            } else {
                if (!waiting.back().asker.has_gone()) entry = std::move(waiting.back());
                waiting.pop_back();
            }
            assert(size_ > 0);
            --size_;
        }
        if (waiting.empty()) {
            waiting_.erase(found);
        } else {
            turns_.push_back(std::move(address));
        }
        assert(turns_.size() == waiting_.size());
        if (entry.has_value()) return entry;
    }
    assert(size_ == 0);
    return std::nullopt;
}

void JobQueue::drop_gone() {
    for (auto& [address, waiting] : waiting_) {
        size_ -= std::erase_if(waiting, [](const Entry& entry) { return entry.asker.has_gone(); });
    }
    absl::erase_if(waiting_, [](const auto& each) { return each.second.empty(); });
    std::erase_if(turns_, [this](const std::string& address) { return !waiting_.contains(address); });
    assert(turns_.size() == waiting_.size());
}

}  // namespace nuring::runtime
