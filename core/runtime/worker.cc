// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/worker.h"

#include <algorithm>
#include <array>

namespace nuring::runtime {
namespace {

constexpr uint64_t kBusyWindow_ns = 1'000'000'000;

}  // namespace

Worker::Worker(base::WorkerId id, ring::Ring& ring, Mesh& mesh, uint64_t busy_poll_ns)
    : id_(id), matcher_(id), ring_(ring), mesh_(mesh), spin_(busy_poll_ns) {
    ring_.set_before_receive([](void* self) { static_cast<Worker*>(self)->drain_arrived(); }, this);
}

absl::Status Worker::start() {
    absl::Status status = ring_.start();
    busy_since_ns_ = busy_marked_ns_ = ring_.now_ns();
    return status;
}

void Worker::turn() {
    const uint64_t receives = ring_.stats().receives;
    const uint64_t sends = ring_.stats().sends;
    const unsigned completions = ring_.turn(wait_until_ns_);
    if (wait_until_ns_ != 0) {
        mesh_.unpark(id_);
        busy_since_ns_ = ring_.now_ns();
    }
    if (ring_.now_ns() - busy_marked_ns_ >= kBusyWindow_ns) [[unlikely]] update_busy_share();
    const uint64_t records_before = stats_.records;
    bool more_work = drain_mailboxes(kDrainBytesMax);
    const bool controlled = run_control_tasks();
    timers_.run(ring_.now_ns());
    mesh_.flush(id_);
    more_work |= delegate_->flush();
    mesh_.flush(id_);  // what found no room before
    more_work |= ring_.stats().sends != sends;  // their completions, most likely: see worker.h
    decide_wait(more_work, completions != 0 || controlled || stats_.records != records_before);
    note_times(receives, sends);
}

// One reading of the clock per turn that answers or ends in a wait, none for others.
void Worker::note_times(uint64_t receives, uint64_t sends) {
    const bool answered = ring_.stats().receives != receives && ring_.stats().sends != sends;
    if (!answered && wait_until_ns_ == 0) return;
    const uint64_t end_ns = ring_.fresh_now_ns();
    if (answered) stats_.latency.record(end_ns - ring_.now_ns());
    if (wait_until_ns_ != 0) stats_.busy_ns += end_ns - busy_since_ns_;
}

// The current stretch of work counts up to the begin of this turn.
void Worker::update_busy_share() {
    const uint64_t now = ring_.now_ns();
    const uint64_t busy_ns = stats_.busy_ns + (now - busy_since_ns_);
    const auto passed_ns = static_cast<double>(now - busy_marked_ns_);
    busy_share_ = std::min(1.0, static_cast<double>(busy_ns - busy_ns_at_mark_) / passed_ns);
    busy_ns_at_mark_ = busy_ns;
    busy_marked_ns_ = now;
}

// A mailbox gives its room back when it has been drained, so this ends after one capacity of each.
void Worker::drain_arrived() {
    (void)drain_mailboxes(SIZE_MAX);
}

bool Worker::drain_mailboxes(size_t bytes_max) {
    bool more = false;
    const uint32_t count = mesh_.worker_count();
    for (uint32_t i = 0; i < count; ++i) {
        const auto other = static_cast<base::WorkerId>(i);
        if (other == id_) continue;
        const size_t drained_bytes = drain(other, bytes_max);
        if (drained_bytes >= bytes_max && mesh_.mailbox(other, id_).next() != nullptr) more = true;
        if (drained_bytes != 0) mesh_.release(id_, other);
        if (mesh_.take_room(id_, other)) delegate_->on_room(other);
    }
    return more;
}

// In batches, so that what a record needs is on its way from memory while those before it are handled.
size_t Worker::drain(base::WorkerId from, size_t bytes_max) {
    Mailbox& box = mesh_.mailbox(from, id_);
    std::array<const RecordHeader*, kAheadMax> batch;
    size_t drained_bytes = 0;
    while (drained_bytes < bytes_max) {
        const size_t count = box.take(batch);
        if (count == 0) break;
        matcher_ = from;
        if (count > 1) delegate_->look_ahead({batch.data(), count});
        for (size_t i = 0; i < count; ++i) {
            drained_bytes += batch[i]->size + delegate_->on_record(from, *batch[i]);
        }
        stats_.records += count;
    }
    matcher_ = id_;
    return drained_bytes;
}

bool Worker::run_control_tasks() {
    if (!has_control_.load(std::memory_order_acquire)) return false;  // pairs with post()
    std::vector<std::unique_ptr<ControlTask>> tasks;
    {
        const std::lock_guard lock(control_mutex_);
        tasks.swap(control_);
        has_control_.store(false, std::memory_order_relaxed);
    }
    for (const auto& task : tasks) {
        task->run();
        ++stats_.control_tasks;
    }
    return true;
}

void Worker::post(std::unique_ptr<ControlTask> task) {
    {
        const std::lock_guard lock(control_mutex_);
        control_.push_back(std::move(task));
        has_control_.store(true, std::memory_order_release);  // pairs with run_control_tasks()
    }
    ring_.notify();  // a completion, so it ends a wait that begins later, too
}

// With network cards the kernel spins: it fetches packets, and sees all else that a turn would find.
bool Worker::looks_again(uint64_t now_ns) {
    if (!ring_.has_cards()) return spin_.lasts(now_ns);
    ring_.set_card_polling(spin_.width_ns() != 0);
    return false;
}

void Worker::decide_wait(bool more_work, bool active) {
    const uint64_t now = ring_.now_ns();
    if (active) spin_.on_work(now);
    if (more_work || looks_again(now) || !mesh_.park(id_)) {
        wait_until_ns_ = 0;
        return;
    }
    ++stats_.parks;
    wait_until_ns_ = timers_.next_deadline_ns();
}

}  // namespace nuring::runtime
