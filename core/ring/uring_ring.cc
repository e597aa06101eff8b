// SPDX-License-Identifier: Apache-2.0
#include "core/ring/uring_ring.h"

#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <deque>
#include <utility>
#include <vector>

#include "core/base/errno_text.h"
#include "core/base/remedy.h"
#include "core/base/time_units.h"
#include "core/ring/card_poll.h"
#include "core/ring/kernel_sockets.h"
#include "core/ring/lent_buffers.h"
#include "core/ring/uring_compat.h"
#include "fmt/format.h"

namespace nuring::ring {
namespace {

constexpr uint16_t kBufferGroup = 0;

// user_data of completions that belong to no submission.
constexpr uint64_t kIgnored = 0;  // close, cancel: nobody waits for them
constexpr uint64_t kWake = 1;     // MSG_RING from another worker
constexpr uint64_t kNotify = 2;   // our eventfd was written
// Beside the address of the ring that was to be woken: MSG_RING has failed.
constexpr uint64_t kWakeFailed = 3;
constexpr uint64_t kWakeFailedMask = 3;
static_assert(alignof(Submission) > kWakeFailedMask);

// The parts of a gathered send; read by the kernel when it takes the entry.
struct SendVector {
    msghdr header;
    iovec parts[kSendPartsMax];
};

// First in, first out, linked through Submission::next.
struct ReceiveList {
    Submission* first = nullptr;
    Submission* last = nullptr;
    uint32_t count = 0;

    void push(Submission& submission) {
        submission.next = nullptr;
        (first == nullptr ? first : last->next) = &submission;
        last = &submission;
        ++count;
    }
    void push_front(Submission& submission) {
        submission.next = first;
        first = &submission;
        if (last == nullptr) last = &submission;
        ++count;
    }
    bool remove(const Submission& submission) {
        Submission* previous = nullptr;
        for (Submission* at = first; at != nullptr; previous = at, at = at->next) {
            if (at != &submission) continue;
            (previous == nullptr ? first : previous->next) = at->next;
            if (last == at) last = previous;
            --count;
            return true;
        }
        return false;
    }
    Submission* take_all() {
        Submission* const all = first;
        *this = {};
        return all;
    }
};

// A completion of a receive that waits for its turn.
struct HeldReceive {
    Submission* submission;
    int32_t result;
    uint32_t flags;
};

// Its address in Submission::state marks a receive that got bytes since it was armed.
constexpr char kServedMark = 0;

// UringRing: see ring.h for the contract.
class UringRing final : public Ring {
  public:
    ~UringRing() override;

    absl::Status create(const RingOptions& options);

    const char* name() const override { return "io_uring"; }
    absl::Status start() override;
    absl::StatusOr<ListenSocket> listen(const std::string& host, uint16_t port) override {
        return open_listen_socket(host, port, /*nonblocking=*/false);
    }
    void accept(Submission& submission, int fd) override;
    void connect(Submission& submission, const SocketAddress& address) override;
    void receive(Submission& submission, int fd) override;
    void send(Submission& submission, int fd, std::span<const iovec> parts) override;
    void cancel(Submission& submission) override;
    // Direct calls: the kernel hands a queued shutdown to a thread of its own, which costs more.
    void shutdown_send(int fd) override { (void)::shutdown(fd, SHUT_WR); }
    void shutdown(int fd) override;
    void close(int fd) override;
    void detach(int fd) override { forget(fd); }
    PeerAddress peer_address(int fd) override { return socket_peer(fd); }
    void return_buffer(uint32_t buffer) override { buffers_.give_back(buffer); }
    unsigned turn(uint64_t deadline_ns) override;
    bool has_cards() const override { return card_poll_.has_cards(); }
    void set_card_polling(bool polls) override { card_poll_.set_polling(polls); }
    void wake(Ring& other) override;
    void notify() override;
    uint64_t wall_ns() override { return realtime_ns(); }
    uint64_t fresh_now_ns() override { return monotonic_ns(); }
    void fill_random(std::span<unsigned char> out) override { fill_random_bytes(out); }

  private:
    io_uring_sqe* next_entry();
    void queue_spilled();
    void free_send_vectors();
    void arm(Submission& submission);
    void arm_in_its_turn(Submission& submission);
    void arm_notify();
    void prepare_send(io_uring_sqe* entry, int fd, std::span<const iovec> parts);
    int submit_and_wait(uint64_t deadline_ns);
    void after_submission();
    unsigned reap();
    unsigned complete_held();
    unsigned complete_postponed();
    bool must_postpone(const Submission& submission, int32_t result);
    bool is_held_up(const Submission& submission) const;
    void complete_one(uint64_t user_data, int32_t result, uint32_t flags);
    void hand_out(Submission& submission, int32_t result, uint32_t flags);
    void complete_receive(Submission& submission, int32_t result, uint32_t flags);
    void end_multishot(const Submission& submission);
    void complete_send(Submission& submission, int32_t result, uint32_t flags);
    void complete_connect(Submission& submission, int32_t result);
    void finish(Submission& submission, int32_t result);
    bool rearm_waiting();
    bool arm_slow();
    unsigned run_deferred();
    void abort_if_lent_and_shut(int fd);
    void forget(int fd);

    RingOptions options_;
    io_uring ring_{};
    bool ring_created_ = false;
    int notify_fd_ = -1;
    uint64_t notify_value_ = 0;

    LentBuffers buffers_;
    CardPoll card_poll_;

    // Receives that met an empty buffer ring. Those that got nothing since they were armed are
    // armed first, in the order they came: else a busy socket takes every buffer in every turn.
    // Before all others the quiet ones, which need one buffer each: a busy socket takes all that there are.
    ReceiveList starved_quiet_;
    ReceiveList starved_;
    ReceiveList starved_after_service_;
    ReceiveList slow_;  // one of them is armed per turn
    // A multishot may have received many buffers before the first of them turns out to be slow: the others
    // wait, and what follows on the same socket waits behind them. At most all receive buffers, and the end
    // of each receive.
    std::vector<HeldReceive> held_;
    // Receives that were ready when the turn was cut, in the order they came.
    std::deque<HeldReceive> postponed_;
    unsigned small_left_ = 0;     // receives that a turn which was cut still hands out
    bool slow_served_ = false;    // in this turn
    bool are_held_last_ = false;  // in the next turn, since they have cut this one
    // Zero-copy sends that the kernel took but whose bytes it still needs, and sockets that were
    // shut down and not yet closed: a socket in both is aborted, see shutdown().
    std::vector<Submission*> lent_sends_;
    std::vector<int> shut_sockets_;
    Submission* deferred_ = nullptr;  // not in the kernel: completed in the next turn, see run_deferred()

    std::vector<std::unique_ptr<SendVector>> send_vectors_;
    size_t send_vectors_used_ = 0;
    // Entries for which the queue had no room, as the kernel took none (no memory, completions overflow). No
    // more than there are requests.
    std::deque<io_uring_sqe> spilled_;
};

UringRing::~UringRing() {
    if (ring_created_) io_uring_queue_exit(&ring_);
    if (notify_fd_ >= 0) ::close(notify_fd_);
}

// Errors of io_uring_enter() that no later call can be free of: a filter of system calls came, or the ring is
// broken. All others pass: signals, timeouts, shortages of memory, completions that overflow.
bool is_fatal(int error) {
    switch (error) {
        case EPERM:
        case EACCES:
        case ENOSYS:
        case EBADF:
        case EBADFD:
        case EINVAL:
        case ENXIO:
        case EOPNOTSUPP:
            return true;
        default:
            return false;
    }
}

absl::Status creation_error(int error) {
    switch (error) {
        case ENOSYS:
            return absl::UnavailableError(
                "io_uring is not available in this kernel, or a container's seccomp profile hides it");
        case EPERM:
        case EACCES:
            return absl::UnavailableError(
                "io_uring is denied here (container seccomp profile or kernel.io_uring_disabled)");
        case EINVAL:
            return absl::UnavailableError("io_uring of this kernel is too old (6.1 is needed)");
        case ENOMEM:
            return absl::ResourceExhaustedError(
                "io_uring: locked-memory limit too small; raise it with 'ulimit -l unlimited' or "
                "LimitMEMLOCK=infinity");
        default:
            return absl::UnavailableError(
                fmt::format("io_uring: {}{}", base::errno_text(error), base::file_remedy(error)));
    }
}

absl::Status UringRing::create(const RingOptions& options) {
    options_ = options;
    keepable_buffers_ = options.receive_buffer_count_max / kKeepablePart;
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP |
                   IORING_SETUP_CQSIZE;
    params.cq_entries = options.submission_count * 4;
    const int error = io_uring_queue_init_params(options.submission_count, &ring_, &params);
    if (error < 0) return creation_error(-error);
    ring_created_ = true;
    notify_fd_ = ::eventfd(0, EFD_CLOEXEC);
    if (notify_fd_ < 0) return creation_error(errno);
    if (const absl::Status status = buffers_.create(options); !status.ok()) return status;
    const int buffer_error = buffers_.attach(ring_, kBufferGroup);
    if (buffer_error != 0) return creation_error(-buffer_error);
    const int enter_error = try_enter(ring_);
    return enter_error == 0 ? absl::OkStatus() : creation_error(-enter_error);
}

absl::Status UringRing::start() {
    const int error = enable_rings(&ring_);
    if (error < 0) return creation_error(-error);
    (void)io_uring_register_ring_fd(&ring_);  // saves a descriptor look-up per turn, where it works
    card_poll_.start(ring_.ring_fd, options_.card_poll_ns);
    now_ns_ = monotonic_ns();
    arm_notify();
    return absl::OkStatus();
}

io_uring_sqe* UringRing::next_entry() {
    if (spilled_.empty()) [[likely]] {
        if (io_uring_sqe* entry = io_uring_get_sqe(&ring_); entry != nullptr) [[likely]] return entry;
        ++stats_.enters;
        (void)io_uring_submit(&ring_);  // the queue is full: hand over what is there
        free_send_vectors();
        if (io_uring_sqe* entry = io_uring_get_sqe(&ring_)) return entry;
    }
    return &spilled_.emplace_back();
}

// As many as there is room for.
void UringRing::queue_spilled() {
    while (!spilled_.empty()) {
        io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
        if (entry == nullptr) return;
        *entry = spilled_.front();
        spilled_.pop_front();
    }
}

// An entry that the kernel has not taken yet still needs its own.
void UringRing::free_send_vectors() {
    if (io_uring_sq_ready(&ring_) == 0 && spilled_.empty()) send_vectors_used_ = 0;
}

void UringRing::arm_notify() {
    io_uring_sqe* entry = next_entry();
    io_uring_prep_read(entry, notify_fd_, &notify_value_, sizeof notify_value_, 0);
    io_uring_sqe_set_data64(entry, kNotify);
}

void UringRing::accept(Submission& submission, int fd) {
    assert(!submission.pending);
    submission.kind = Submission::Kind::kAccept;
    submission.fd = fd;
    submission.pending = true;
    submission.cancelled = false;
    arm(submission);
}

// The socket is opened here: to have the ring do it would take a second request, for a call of 5 us.
void UringRing::connect(Submission& submission, const SocketAddress& address) {
    assert(!submission.pending);
    auto raw = std::make_unique<RawAddress>();
    // Blocking, as accepted ones are: the ring would hand EAGAIN through for others.
    const int fd = open_connect_socket(address, /*nonblocking=*/false, raw.get());
    submission.kind = Submission::Kind::kConnect;
    submission.fd = fd;
    submission.pending = true;
    submission.cancelled = false;
    submission.state = nullptr;
    if (fd < 0) {
        submission.next = deferred_;
        deferred_ = &submission;
        return;
    }
    io_uring_sqe* entry = next_entry();
    io_uring_prep_connect(entry, fd, reinterpret_cast<const sockaddr*>(&raw->bytes), raw->size);
    io_uring_sqe_set_data(entry, &submission);
    submission.state = raw.release();  // read when the batch is submitted; until complete_connect()
}

void UringRing::complete_connect(Submission& submission, int32_t result) {
    delete static_cast<RawAddress*>(submission.state);
    submission.state = nullptr;
    if (result < 0) (void)::close(submission.fd);
    finish(submission, result < 0 ? result : submission.fd);
}

void UringRing::receive(Submission& submission, int fd) {
    assert(!submission.pending);
    submission.kind = Submission::Kind::kReceive;
    submission.fd = fd;
    submission.pending = true;
    submission.cancelled = false;
    card_poll_.add(fd);
    arm_in_its_turn(submission);
}

void UringRing::arm(Submission& submission) {
    io_uring_sqe* entry = next_entry();
    if (submission.kind == Submission::Kind::kAccept) {
        io_uring_prep_multishot_accept(entry, submission.fd, nullptr, nullptr, SOCK_CLOEXEC);
    } else {
        submission.state = nullptr;
        if (submission.is_slow || submission.in_small_runs) {
            const size_t bytes_max = submission.in_small_runs ? kSmallRunBytes : 0;  // 0: a buffer
            io_uring_prep_recv(entry, submission.fd, nullptr, bytes_max, 0);
        } else {
            io_uring_prep_recv_multishot(entry, submission.fd, nullptr, 0, 0);
        }
        entry->flags |= IOSQE_BUFFER_SELECT;
        entry->buf_group = kBufferGroup;
    }
    io_uring_sqe_set_data(entry, &submission);
}

void UringRing::arm_in_its_turn(Submission& submission) {
    if (submission.is_slow) return slow_.push(submission);
    arm(submission);
}

void UringRing::send(Submission& submission, int fd, std::span<const iovec> parts) {
    assert(!submission.pending);
    assert(!parts.empty() && parts.size() <= kSendPartsMax);
    submission.kind = Submission::Kind::kSend;
    submission.fd = fd;
    submission.pending = true;
    submission.cancelled = false;
    submission.state = nullptr;
    io_uring_sqe* entry = next_entry();
    prepare_send(entry, fd, parts);
    io_uring_sqe_set_data(entry, &submission);
    ++stats_.sends;
}

void UringRing::prepare_send(io_uring_sqe* entry, int fd, std::span<const iovec> parts) {
    if (parts.size() == 1) {
        const iovec& part = parts[0];
        if (options_.zero_copy_threshold_bytes != 0 &&
            part.iov_len >= options_.zero_copy_threshold_bytes) {
            io_uring_prep_send_zc(entry, fd, part.iov_base, part.iov_len, MSG_NOSIGNAL, 0);
            ++stats_.zero_copy_sends;
        } else {
            io_uring_prep_send(entry, fd, part.iov_base, part.iov_len, MSG_NOSIGNAL);
        }
        return;
    }
    if (send_vectors_used_ == send_vectors_.size()) {
        send_vectors_.push_back(std::make_unique<SendVector>());
    }
    SendVector& vector = *send_vectors_[send_vectors_used_++];
    std::copy(parts.begin(), parts.end(), vector.parts);
    vector.header = {};
    vector.header.msg_iov = vector.parts;
    vector.header.msg_iovlen = parts.size();
    io_uring_prep_sendmsg(entry, fd, &vector.header, MSG_NOSIGNAL);
}

void UringRing::cancel(Submission& submission) {
    if (!submission.pending || submission.cancelled) return;
    submission.cancelled = true;
    if (submission.kind == Submission::Kind::kConnect && submission.fd < 0) return;  // is deferred
    // A starved or slow receive is not in the kernel: take it off the list and end it in the next turn.
    if (starved_quiet_.remove(submission) || starved_.remove(submission) ||
        starved_after_service_.remove(submission) || slow_.remove(submission)) {
        submission.next = deferred_;
        deferred_ = &submission;
        return;
    }
    io_uring_sqe* entry = next_entry();
    io_uring_prep_cancel(entry, &submission, 0);
    io_uring_sqe_set_data64(entry, kIgnored);
}

void UringRing::shutdown(int fd) {
    (void)::shutdown(fd, SHUT_RDWR);
    if (options_.zero_copy_threshold_bytes == 0) return;
    shut_sockets_.push_back(fd);
    abort_if_lent_and_shut(fd);
}

// A peer that reads nothing keeps the bytes of a zero-copy send in use for ever, shut down or not.
// Disconnecting drops them, and the notification comes.
void UringRing::abort_if_lent_and_shut(int fd) {
    if (std::find(shut_sockets_.begin(), shut_sockets_.end(), fd) == shut_sockets_.end()) return;
    const auto is_lent = [fd](const Submission* submission) { return submission->fd == fd; };
    if (std::none_of(lent_sends_.begin(), lent_sends_.end(), is_lent)) return;
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    (void)::connect(fd, &nobody, sizeof nobody);
}

void UringRing::forget(int fd) {
    std::erase(shut_sockets_, fd);
    card_poll_.remove(fd);
}

void UringRing::close(int fd) {
    forget(fd);
    io_uring_sqe* entry = next_entry();
    io_uring_prep_close(entry, fd);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(entry, kIgnored);
}

// True: others are to follow in the next turn. The slow one comes first: it takes one buffer, and a multishot
// may take all of them.
bool UringRing::rearm_waiting() {
    // Held receives keep their buffers.
    const size_t slow = slow_.first != nullptr ? 1 : 0;
    const size_t starved = starved_quiet_.count + starved_.count + starved_after_service_.count;
    const size_t wanted = starved + held_.size() + slow;
    if (wanted > buffers_.target()) buffers_.double_target();
    buffers_.lend();
    if (!buffers_.any_lent()) return false;
    const bool others_follow = arm_slow();
    for (Submission* submission :
         {starved_quiet_.take_all(), starved_.take_all(), starved_after_service_.take_all()}) {
        while (submission != nullptr) {
            Submission* next = submission->next;
            submission->next = nullptr;
            arm(*submission);
            submission = next;
        }
    }
    return others_follow;
}

bool UringRing::arm_slow() {
    if (slow_.first == nullptr) return false;
    Submission& submission = *slow_.first;
    (void)slow_.remove(submission);
    arm(submission);
    return slow_.first != nullptr;
}

unsigned UringRing::turn(uint64_t deadline_ns) {
    if (fatal_error_ != 0) [[unlikely]] return 0;
    if (rearm_waiting() || !held_.empty()) deadline_ns = 0;
    const bool was_cut = std::exchange(cut_, false);
    assert(postponed_.empty() || was_cut);
    if (was_cut || deferred_ != nullptr) deadline_ns = 0;
    const int result = submit_and_wait(deadline_ns);
    now_ns_ = monotonic_ns();
    if (is_fatal(-result)) [[unlikely]] {
        fatal_error_ = -result;
        return 0;
    }
    ++stats_.turns;
    slow_served_ = false;
    small_left_ = kSmallPerCutTurn;
    const bool are_held_last = std::exchange(are_held_last_, false);
    unsigned count = are_held_last ? 0 : complete_held();
    are_held_last_ = cut_;
    count += complete_postponed();
    count += reap();
    if (are_held_last) count += complete_held();
    return count + run_deferred();
}

// Entries that the kernel does not take now stay in the queue, or behind it, for the next turn. Returns the
// result of the call: below 0 an error, most of which pass.
int UringRing::submit_and_wait(uint64_t deadline_ns) {
    ++stats_.enters;
    queue_spilled();
    if (deadline_ns == 0 || !spilled_.empty()) {
        const int result = io_uring_submit_and_get_events(&ring_);
        after_submission();
        return result;
    }
    uint64_t wait_ns = kForever;
    if (deadline_ns != kForever) {
        const uint64_t now = monotonic_ns();
        wait_ns = deadline_ns > now ? deadline_ns - now : 0;
    }
    __kernel_timespec limit{};
    limit.tv_sec = static_cast<int64_t>(wait_ns / base::kSecond_ns);
    limit.tv_nsec = static_cast<long long>(wait_ns % base::kSecond_ns);
    io_uring_cqe* first = nullptr;
    const int result = io_uring_submit_and_wait_timeout(
        &ring_, &first, 1, wait_ns == kForever ? nullptr : &limit, nullptr);
    after_submission();
    return result;
}

// A submission that fails brings no completions either, which may be all that ends a shortage.
void UringRing::after_submission() {
    free_send_vectors();
    if (io_uring_sq_ready(&ring_) != 0) (void)io_uring_get_events(&ring_);
}

bool UringRing::is_held_up(const Submission& submission) const {
    if (submission.is_slow && slow_served_) return true;
    return std::any_of(held_.begin(), held_.end(),
                       [&submission](const HeldReceive& each) { return each.submission == &submission; });
}

// In the order they came, up to the first slow one: a turn serves one of those.
unsigned UringRing::complete_held() {
    size_t count = 0;
    while (count < held_.size() && !cut_ && !slow_served_) {
        const HeldReceive each = held_[count++];
        complete_receive(*each.submission, each.result, each.flags);
    }
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
    return static_cast<unsigned>(count);
}

unsigned UringRing::complete_postponed() {
    unsigned count = 0;
    while (!cut_ && !postponed_.empty()) {
        const HeldReceive each = postponed_.front();
        postponed_.pop_front();
        --each.submission->postponed_count;
        hand_out(*each.submission, each.result, each.flags);
        ++count;
    }
    return count;
}

// A busy turn leaves large receives for the next ones. Short requests of quiet sockets pass them.
bool UringRing::must_postpone(const Submission& submission, int32_t result) {
    if (!cut_) return false;
    const bool is_small = result <= small_bytes_max(options_);
    if (submission.postponed_count != 0 || !is_small || small_left_ == 0) return true;
    if (result > 0) --small_left_;
    return false;
}

void UringRing::hand_out(Submission& submission, int32_t result, uint32_t flags) {
    if ((submission.is_slow || !held_.empty()) && is_held_up(submission)) {
        held_.push_back({&submission, result, flags});
    } else {
        complete_receive(submission, result, flags);
    }
}

unsigned UringRing::reap() {
    if ((IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0) {
        ++stats_.queue_overflows;
    }
    unsigned count = 0;
    unsigned head = 0;
    io_uring_cqe* entry = nullptr;
    io_uring_for_each_cqe(&ring_, head, entry) {
        ++count;
        complete_one(entry->user_data, entry->res, entry->flags);
    }
    io_uring_cq_advance(&ring_, count);
    stats_.completions += count;
    return count;
}

void UringRing::complete_one(uint64_t user_data, int32_t result, uint32_t flags) {
    switch (user_data) {
        case kIgnored:
            return;
        case kWake:
            ++stats_.wakes_received;
            return;
        case kNotify:
            ++stats_.wakes_received;
            arm_notify();
            return;
        default:
            break;
    }
    if ((user_data & kWakeFailedMask) == kWakeFailed) {
        return reinterpret_cast<UringRing*>(user_data & ~kWakeFailedMask)->notify();
    }
    Submission& submission = *reinterpret_cast<Submission*>(user_data);
    switch (submission.kind) {
        case Submission::Kind::kReceive:
            if (must_postpone(submission, result)) {
                ++submission.postponed_count;
                postponed_.push_back({&submission, result, flags});
            } else {
                hand_out(submission, result, flags);
            }
            return;
        case Submission::Kind::kSend:
            complete_send(submission, result, flags);
            return;
        case Submission::Kind::kConnect:
            complete_connect(submission, result);
            return;
        case Submission::Kind::kAccept:
            if (result >= 0 && (flags & IORING_CQE_F_MORE) == 0 && !submission.cancelled) {
                arm(submission);  // ended for a reason of the kernel's own; nothing is lost
                flags |= IORING_CQE_F_MORE;
            }
            if ((flags & IORING_CQE_F_MORE) == 0) {
                finish(submission, result);
            } else {
                submission.complete(submission, {.result = result, .more = true});
            }
            return;
        case Submission::Kind::kNone:
            break;
    }
    assert(false && "completion of a submission without a request");
}

void UringRing::finish(Submission& submission, int32_t result) {
    submission.pending = false;
    submission.complete(submission, {.result = result, .more = false});
}

void UringRing::complete_receive(Submission& submission, int32_t result, uint32_t flags) {
    const bool more = (flags & IORING_CQE_F_MORE) != 0;
    Completion completion{.result = result, .more = true};
    if ((flags & IORING_CQE_F_BUFFER) != 0) {
        completion.buffer = flags >> IORING_CQE_BUFFER_SHIFT;
        completion.bytes = buffers_.take(completion.buffer);
    }
    if (result > 0) {
        ++stats_.receives;
        submission.state = const_cast<char*>(&kServedMark);
        if (!more && !submission.cancelled) {
            arm_in_its_turn(submission);
        } else if (!more) {  // cancelled, but these bytes came first: the end follows next turn
            submission.next = deferred_;
            deferred_ = &submission;
        }
        before_receive();
        submission.is_quiet = result <= small_bytes_max(options_);
        const bool is_large = static_cast<uint32_t>(result) >= options_.receive_buffer_bytes / 2;
        const uint64_t begin_ns = is_large ? monotonic_ns() : 0;
        const bool was_slow = submission.is_slow;
        submission.complete(submission, completion);
        submission.is_slow = is_large && monotonic_ns() - begin_ns > kSlowReceive_ns;
        slow_served_ |= was_slow || submission.is_slow;
        if (submission.is_slow && more && !submission.cancelled) end_multishot(submission);
        if (was_slow && !submission.is_slow && slow_.remove(submission)) arm(submission);
        return;
    }
    if (completion.buffer != kNoBuffer) return_buffer(completion.buffer);
    const bool is_rearmed = result == -ENOBUFS || result == -ECANCELED;  // see end_multishot()
    if (is_rearmed && !submission.cancelled) {
        if (result == -ENOBUFS) ++stats_.buffer_shortages;
        if (result == -ENOBUFS && submission.is_slow) return slow_.push_front(submission);
        if (result == -ECANCELED) return arm_in_its_turn(submission);
        if (submission.is_quiet)
            starved_quiet_.push(submission);
        else
            (submission.state == &kServedMark ? starved_after_service_ : starved_).push(submission);
        return;
    }
    if (more) return;  // not seen in practice; the end is still to come
    finish(submission, submission.cancelled && result == -ENOBUFS ? -ECANCELED : result);
}

void UringRing::complete_send(Submission& submission, int32_t result, uint32_t flags) {
    if ((flags & IORING_CQE_F_MORE) != 0) {  // zero-copy: the bytes are still in use; note the result
        submission.state = reinterpret_cast<void*>(static_cast<intptr_t>(result));
        lent_sends_.push_back(&submission);
        abort_if_lent_and_shut(submission.fd);
        return;
    }
    if ((flags & IORING_CQE_F_NOTIF) != 0) {
        std::erase(lent_sends_, &submission);
        result = static_cast<int32_t>(reinterpret_cast<intptr_t>(submission.state));
    }
    finish(submission, result);
}

// The completion that follows has it armed again.
void UringRing::end_multishot(const Submission& submission) {
    io_uring_sqe* entry = next_entry();
    io_uring_prep_cancel(entry, const_cast<Submission*>(&submission), 0);
    io_uring_sqe_set_data64(entry, kIgnored);
}

unsigned UringRing::run_deferred() {
    Submission* submission = deferred_;
    deferred_ = nullptr;
    unsigned count = 0;
    while (submission != nullptr) {
        Submission* next = submission->next;
        submission->next = nullptr;
        const bool is_unopened = submission->kind == Submission::Kind::kConnect;
        finish(*submission, is_unopened ? submission->fd : -ECANCELED);
        submission = next;
        ++count;
    }
    return count;
}

void UringRing::wake(Ring& other) {
    io_uring_sqe* entry = next_entry();
    io_uring_prep_msg_ring(entry, static_cast<UringRing&>(other).ring_.ring_fd, 0, kWake, 0);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(entry, reinterpret_cast<uint64_t>(&static_cast<UringRing&>(other)) | kWakeFailed);
    ++stats_.wakes_sent;
}

void UringRing::notify() {
    const uint64_t one = 1;
    (void)!::write(notify_fd_, &one, sizeof one);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ring>> create_uring_ring(const RingOptions& options) {
    auto ring = std::make_unique<UringRing>();
    if (absl::Status status = ring->create(options); !status.ok()) return status;
    return ring;
}

}  // namespace nuring::ring
