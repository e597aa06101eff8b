// SPDX-License-Identifier: Apache-2.0
#include "monitor/answer_queue.h"

#include <cassert>

namespace nuring::monitor {

bool AnswerQueue::has_room(const Requests& requests, uint64_t connection) {
    if (requests.count >= kAccountMax) return false;
    const auto found = requests.connections.find(connection);
    return found == requests.connections.end() || found->second.size() < kConnectionMax;
}

bool AnswerQueue::has_room(const RequestOrigin& origin) const {
    if (origin.is_operator) {
        return request_count_ < kRequestsMax && has_room(operator_, origin.connection);
    }
    if (request_count_ >= kRequestsMax - kOperatorShare) return false;
    const auto found = accounts_.find(origin.account);
    return found == accounts_.end() || has_room(found->second, origin.connection);
}

bool AnswerQueue::add(const RequestOrigin& origin, Task task) {
    assert(origin.account != nullptr);
    assert(task != nullptr);
    if (!has_room(origin)) return false;
    if (!origin.is_operator && !accounts_.contains(origin.account)) turns_.push_back(origin.account);
    Requests& requests = origin.is_operator ? operator_ : accounts_[origin.account];
    std::deque<Task>& waiting = requests.connections[origin.connection];
    if (waiting.empty()) requests.turns.push_back(origin.connection);
    waiting.push_back(std::move(task));
    ++requests.count;
    ++request_count_;
    assert(turns_.size() == accounts_.size());
    return true;
}

AnswerQueue::Task AnswerQueue::take(Requests* requests) {
    assert(requests->count > 0);
    assert(requests->turns.size() == requests->connections.size());
    const uint64_t connection = requests->turns.front();
    requests->turns.pop_front();
    const auto found = requests->connections.find(connection);
    assert(found != requests->connections.end());
    Task task = std::move(found->second.front());
    found->second.pop_front();
    if (found->second.empty()) {
        requests->connections.erase(found);
    } else {
        requests->turns.push_back(connection);
    }
    --requests->count;
    return task;
}

std::optional<AnswerQueue::Task> AnswerQueue::next() {
    if (!own_.empty()) {
        Task task = std::move(own_.front());
        own_.pop_front();
        return task;
    }
    if (request_count_ == 0) return std::nullopt;
    --request_count_;
    const bool others_wait = !turns_.empty();
    if (operator_.count != 0 && !(others_wait && operator_run_ >= kOperatorRun)) {
        ++operator_run_;
        return take(&operator_);
    }
    operator_run_ = 0;
    assert(others_wait);
    const account::Account* account = turns_.front();
    turns_.pop_front();
    const auto found = accounts_.find(account);
    assert(found != accounts_.end());
    Task task = take(&found->second);
    if (found->second.count == 0) {
        accounts_.erase(found);
    } else {
        turns_.push_back(account);
    }
    return task;
}

}  // namespace nuring::monitor
