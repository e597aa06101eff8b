// SPDX-License-Identifier: Apache-2.0
// Goal: the three rings keep one contract, that of core/ring/ring.h.
// Method: every test runs against io_uring (also with zero-copy sends, and with queues so small that
// they overflow), epoll, a quiet simulator and several hostile ones. A
// Bench hides how peers are made: plain sockets on 127.0.0.1, or ends of simulated streams. Tests
// wait for conditions by turning the ring, never for a time. Where the kernel refuses io_uring, its
// tests are reported as skipped with the reason.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/prng.h"
#include "core/ring/epoll_ring.h"
#include "core/ring/ring.h"
#include "core/ring/uring_ring.h"
#include "gtest/gtest.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_ring.h"

namespace nuring::ring {
namespace {

constexpr uint64_t kMs = 1'000'000;

// The far end of a connection to the ring under test. Nothing in it blocks.
class Peer {
  public:
    virtual ~Peer() = default;
    virtual size_t write(std::string_view bytes) = 0;
    virtual std::string read(size_t size_max) = 0;
    virtual bool ended() = 0;  // the end or a reset was read
    virtual bool was_reset() = 0;
    virtual void shutdown_send() = 0;
    virtual void close() = 0;
    virtual void reset() = 0;
};

class KernelPeer final : public Peer {
  public:
    KernelPeer(uint16_t port, bool small) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        EXPECT_GE(fd_, 0);
        const int size = 4096;
        if (small) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    }
    ~KernelPeer() override { close(); }
    size_t write(std::string_view bytes) override {
        const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        return size < 0 ? 0 : static_cast<size_t>(size);
    }
    std::string read(size_t size_max) override {
        std::string bytes(size_max, '\0');
        const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), 0);
        if (size == 0) ended_ = true;
        if (size < 0 && errno != EAGAIN) ended_ = reset_ = true;
        bytes.resize(size < 0 ? 0 : static_cast<size_t>(size));
        return bytes;
    }
    bool ended() override { return ended_; }
    bool was_reset() override { return reset_; }
    void shutdown_send() override { ::shutdown(fd_, SHUT_WR); }
    void close() override {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    void reset() override {
        const linger hard{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close();
    }

  private:
    int fd_;
    bool ended_ = false;
    bool reset_ = false;
};

class SimPeer final : public Peer {
  public:
    explicit SimPeer(sim::SimStream& stream) : stream_(stream) {}
    ~SimPeer() override { close(); }
    size_t write(std::string_view bytes) override { return stream_.write(bytes); }
    std::string read(size_t size_max) override {
        std::string bytes(size_max, '\0');
        bytes.resize(stream_.read(bytes.data(), bytes.size()));
        return bytes;
    }
    bool ended() override { return stream_.at_end() || stream_.was_reset(); }
    bool was_reset() override { return stream_.was_reset(); }
    void shutdown_send() override { stream_.shutdown_send(); }
    void close() override {
        if (!stream_.closed()) stream_.close();
    }
    void reset() override {
        stream_.reset();
        stream_.close();
    }

  private:
    sim::SimStream& stream_;
};

// Bench makes the rings under test, and peers that connect to them.
class Bench {
  public:
    virtual ~Bench() = default;
    virtual absl::StatusOr<std::unique_ptr<Ring>> create_ring(const RingOptions& options) = 0;
    // A small peer takes few bytes before it has to be read.
    virtual std::unique_ptr<Peer> connect(uint16_t port, bool small) = 0;
    // Makes the ring's end of a connection take few bytes at a time.
    virtual void shrink(int fd) = 0;
    // From here on no more descriptors can be opened; or they can again.
    virtual void exhaust_descriptors(bool exhausted) = 0;
    virtual bool has_threads() const = 0;
    // A send that the kernel took completes only when the peer has the bytes.
    virtual bool is_zero_copy() const = 0;
};

class KernelBench final : public Bench {
  public:
    using CreateFunction = absl::StatusOr<std::unique_ptr<Ring>> (*)(const RingOptions&);
    using AdjustFunction = void (*)(RingOptions&);
    explicit KernelBench(CreateFunction create, AdjustFunction adjust = nullptr)
        : create_(create), adjust_(adjust) {
        ::getrlimit(RLIMIT_NOFILE, &limit_);
    }
    ~KernelBench() override { exhaust_descriptors(false); }
    absl::StatusOr<std::unique_ptr<Ring>> create_ring(const RingOptions& options) override {
        RingOptions adjusted = options;
        if (adjust_ != nullptr) adjust_(adjusted);
        return create_(adjusted);
    }
    std::unique_ptr<Peer> connect(uint16_t port, bool small) override {
        return std::make_unique<KernelPeer>(port, small);
    }
    void shrink(int fd) override {
        const int size = 4096;
        ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    void exhaust_descriptors(bool exhausted) override {
        rlimit limit = limit_;
        if (exhausted) {
            const int lowest_free = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
            ASSERT_GE(lowest_free, 0);
            ::close(lowest_free);
            limit.rlim_cur = static_cast<rlim_t>(lowest_free);
        }
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    bool has_threads() const override { return true; }
    bool is_zero_copy() const override {
        RingOptions options;
        if (adjust_ != nullptr) adjust_(options);
        return options.zero_copy_threshold_bytes != 0;
    }

  private:
    CreateFunction create_;
    AdjustFunction adjust_;
    rlimit limit_{};
};

sim::SimFaults hostile_faults() {
    sim::SimFaults faults;
    faults.split_percent = 40;
    faults.stall_permille = 20;
    faults.short_receive_percent = 40;
    faults.short_send_percent = 40;
    faults.delay_percent = 40;
    faults.spurious_wake_permille = 100;
    faults.partial_turn_percent = 30;
    faults.wall_jump_permille = 100;
    faults.stream_bytes_min = 700;
    faults.stream_bytes_max = 64 * 1024;
    return faults;
}

class SimBench final : public Bench {
  public:
    SimBench(uint64_t seed, const sim::SimFaults& faults) : net_(seed, faults) {}
    absl::StatusOr<std::unique_ptr<Ring>> create_ring(const RingOptions& options) override {
        return std::make_unique<sim::SimRing>(net_, options);
    }
    std::unique_ptr<Peer> connect(uint16_t port, bool small) override {
        const sim::SimFaults before = net_.faults();
        sim::SimFaults faults = before;
        if (small) faults.stream_bytes_min = faults.stream_bytes_max = 700;
        net_.set_faults(faults);
        auto peer = std::make_unique<SimPeer>(net_.connect(port));
        net_.set_faults(before);
        return peer;
    }
    void shrink(int) override {}
    void exhaust_descriptors(bool exhausted) override {
        sim::SimFaults faults = net_.faults();
        faults.accept_failure_permille = exhausted ? 1000 : 0;
        net_.set_faults(faults);
    }
    bool has_threads() const override { return false; }
    bool is_zero_copy() const override { return false; }

  private:
    sim::SimNet net_;
};

struct Flavour {
    const char* name;
    std::function<std::unique_ptr<Bench>()> create;
};

// The ring under test, which knows whether it is inside turn().
struct TestRing {
    std::unique_ptr<Ring> ring;
    bool turning = false;

    unsigned turn(uint64_t deadline_ns) {
        turning = true;
        const unsigned count = ring->turn(deadline_ns);
        turning = false;
        return count;
    }
};

// Notes what a multishot accept delivers.
struct Acceptor : Submission {
    explicit Acceptor(TestRing& r) : Submission(&Acceptor::on_complete), ring(r) {}
    static void on_complete(Submission& submission, const Completion& completion) {
        auto& self = static_cast<Acceptor&>(submission);
        EXPECT_TRUE(self.ring.turning);
        EXPECT_EQ(self.pending, completion.more);
        if (completion.result >= 0) {
            self.fds.push_back(completion.result);
        } else {
            EXPECT_FALSE(completion.more);
            self.error = completion.result;
        }
        if (!completion.more) ++self.end_count;
    }
    TestRing& ring;
    std::vector<int> fds;
    int error = 0;
    int end_count = 0;
};

// Collects what is received; keeps the buffers when told to.
struct Receiver : Submission {
    explicit Receiver(TestRing& r) : Submission(&Receiver::on_complete), ring(r) {}
    static void on_complete(Submission& submission, const Completion& completion) {
        auto& self = static_cast<Receiver&>(submission);
        EXPECT_TRUE(self.ring.turning);
        EXPECT_EQ(self.pending, completion.more);
        if (completion.result > 0) {
            self.take(completion);
        } else {
            EXPECT_FALSE(completion.more);
            EXPECT_EQ(completion.buffer, kNoBuffer);
            ++self.end_count;
            self.end_result = completion.result;
        }
        if (self.on_progress) self.on_progress();
    }
    void take(const Completion& completion) {
        EXPECT_TRUE(completion.more);
        ASSERT_NE(completion.buffer, kNoBuffer);
        bytes.append(completion.bytes, static_cast<size_t>(completion.result));
        ++run_count;
        volatile char slack = 0;  // must be readable
        for (size_t i = 0; i < kReceiveSlackBytes; ++i)
            slack = completion.bytes[completion.result + i];
        static_cast<void>(slack);
        if (keeps_buffers) {
            kept.push_back(completion.buffer);
        } else {
            ring.ring->return_buffer(completion.buffer);
        }
    }
    void return_kept() {
        for (const uint32_t buffer : kept) ring.ring->return_buffer(buffer);
        kept.clear();
    }

    TestRing& ring;
    std::string bytes;
    unsigned run_count = 0;
    bool keeps_buffers = false;
    std::vector<uint32_t> kept;
    int end_count = 0;
    int32_t end_result = 1;
    std::function<void()> on_progress;
};

// Sends a string, again and again until all of it has gone or a send fails.
struct Sender : Submission {
    explicit Sender(TestRing& r) : Submission(&Sender::on_complete), ring(r) {}
    static void on_complete(Submission& submission, const Completion& completion) {
        auto& self = static_cast<Sender&>(submission);
        EXPECT_TRUE(self.ring.turning);
        EXPECT_FALSE(completion.more);
        EXPECT_FALSE(self.pending);
        ++self.end_count;
        if (completion.result < 0) {
            self.error = completion.result;
            return;
        }
        EXPECT_GT(completion.result, 0);
        self.sent += static_cast<size_t>(completion.result);
        self.send_rest();
    }
    void start(int to_fd, std::string all, size_t size_of_part = SIZE_MAX) {
        to = to_fd;
        bytes = std::move(all);
        part_size = size_of_part;
        sent = 0;
        send_rest();
    }
    void append(int to_fd, const std::string& more) {  // only while nothing is pending
        to = to_fd;
        bytes.erase(0, sent);
        sent = 0;
        bytes += more;
        send_rest();
    }
    void send_rest() {
        if (sent == bytes.size()) return;
        std::vector<iovec> parts;
        size_t at = sent;
        while (at < bytes.size() && parts.size() < kSendPartsMax) {
            const size_t size = std::min(part_size, bytes.size() - at);
            parts.push_back({bytes.data() + at, size});
            at += size;
        }
        ring.ring->send(*this, to, parts);
        EXPECT_TRUE(pending);
        // The array of parts may go at once.
        for (iovec& part : parts) part = {nullptr, 0};
    }
    bool done() const { return sent == bytes.size(); }

    TestRing& ring;
    int to = -1;
    std::string bytes;
    size_t part_size = SIZE_MAX;
    size_t sent = 0;
    int error = 0;
    int end_count = 0;
};

std::string random_bytes(uint64_t seed, size_t size) {
    base::Prng prng(seed);
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>('a' + prng.below(26));
    return bytes;
}

class RingConformanceTest : public testing::TestWithParam<Flavour> {
  protected:
    void SetUp() override { bench_ = GetParam().create(); }

    // Skips the test where the kernel refuses the ring.
    [[nodiscard]] bool create(const RingOptions& options) {
        absl::StatusOr<std::unique_ptr<Ring>> ring = bench_->create_ring(options);
        if (!ring.ok()) {
            std::fprintf(stderr, "*** SKIPPED: no %s here: %s\n", GetParam().name,
                         ring.status().ToString().c_str());
            return false;
        }
        under_test_.ring = std::move(*ring);
        const absl::Status started = under_test_.ring->start();
        EXPECT_TRUE(started.ok()) << started;
        absl::StatusOr<ListenSocket> socket = under_test_.ring->listen("127.0.0.1", 0);
        EXPECT_TRUE(socket.ok()) << socket.status();
        if (!socket.ok()) return false;
        listener_ = *socket;
        EXPECT_NE(listener_.port, 0);
        under_test_.ring->accept(acceptor_, listener_.fd);
        return true;
    }

    void TearDown() override {
        if (under_test_.ring == nullptr) return;
        if (acceptor_.pending) under_test_.ring->cancel(acceptor_);
        run_until([this] { return !acceptor_.pending; });
        under_test_.ring->close(listener_.fd);
        under_test_.turn(0);
    }

    // Turns the ring until the condition holds; fails the test after a while.
    template <typename Condition>
    void run_until(Condition condition, std::function<void()> each_turn = nullptr) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!HasFatalFailure() && !condition()) {
            if (each_turn) each_turn();
            under_test_.turn(ring().fresh_now_ns() + kMs);
            if (std::chrono::steady_clock::now() > give_up) {
                FAIL() << "the condition never held";
            }
        }
    }

    // Turns the ring for a while, to see that something does not happen.
    void run_turns(unsigned count) {
        for (unsigned i = 0; i < count; ++i) under_test_.turn(ring().fresh_now_ns() + kMs);
    }

    // Connects a peer and accepts it.
    std::pair<std::unique_ptr<Peer>, int> connected(bool small = false) {
        const size_t before = acceptor_.fds.size();
        std::unique_ptr<Peer> peer = bench_->connect(listener_.port, small);
        run_until([&] { return acceptor_.fds.size() > before; });
        const int fd = acceptor_.fds.empty() ? -1 : acceptor_.fds.back();
        if (small) bench_->shrink(fd);
        return {std::move(peer), fd};
    }

    Ring& ring() { return *under_test_.ring; }

    std::unique_ptr<Bench> bench_;
    TestRing under_test_;
    ListenSocket listener_;
    Acceptor acceptor_{under_test_};
};

#define CREATE_OR_SKIP(options) \
    if (!create(options)) GTEST_SKIP() << "the kernel refuses this ring"

TEST_P(RingConformanceTest, AcceptsManyConnections) {
    CREATE_OR_SKIP({});
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 200; ++i) peers.push_back(bench_->connect(listener_.port, false));
    run_until([&] { return acceptor_.fds.size() == peers.size(); });
    EXPECT_TRUE(acceptor_.pending);
    EXPECT_EQ(std::set<int>(acceptor_.fds.begin(), acceptor_.fds.end()).size(), peers.size());
    std::set<uint16_t> ports;
    for (const int fd : acceptor_.fds) {
        const PeerAddress address = ring().peer_address(fd);
        EXPECT_STREQ(address.host, "127.0.0.1");
        ports.insert(address.port);
        ring().close(fd);
    }
    EXPECT_EQ(ports.size(), peers.size());
    for (auto& peer : peers) {
        run_until([&] { return peer->ended(); }, [&] { peer->read(16); });
        EXPECT_FALSE(peer->was_reset());
    }
}

TEST_P(RingConformanceTest, ListenRefusesAPortInUse) {
    CREATE_OR_SKIP({});
    EXPECT_FALSE(ring().listen("127.0.0.1", listener_.port).ok());
}

TEST_P(RingConformanceTest, EchoesWholeStreamsOfManyPeers) {
    CREATE_OR_SKIP({});
    struct Echo {
        explicit Echo(TestRing& r) : receiver(r), sender(r) {}
        std::unique_ptr<Peer> peer;
        int fd = -1;
        Receiver receiver;
        Sender sender;
        std::string source, back;
        size_t written = 0, echoed = 0;
    };
    std::deque<Echo> echoes;
    for (uint64_t i = 0; i < 6; ++i) {
        Echo& echo = echoes.emplace_back(under_test_);
        std::tie(echo.peer, echo.fd) = connected(/*small=*/true);
        echo.source = random_bytes(i, 60'000);
        ring().receive(echo.receiver, echo.fd);
    }
    const auto step = [&] {
        for (Echo& echo : echoes) {
            echo.written += echo.peer->write(std::string_view(echo.source).substr(echo.written));
            if (!echo.sender.pending && echo.echoed < echo.receiver.bytes.size()) {
                const std::string more = echo.receiver.bytes.substr(echo.echoed);
                echo.echoed += more.size();
                echo.sender.append(echo.fd, more);
            }
            echo.back += echo.peer->read(5000);
        }
    };
    run_until(
        [&] {
            for (const Echo& echo : echoes) {
                if (echo.back.size() < echo.source.size()) return false;
            }
            return true;
        },
        step);
    for (Echo& echo : echoes) {
        EXPECT_EQ(echo.back, echo.source);
        echo.peer->close();
        run_until([&] { return !echo.receiver.pending && !echo.sender.pending; });
        EXPECT_EQ(echo.receiver.end_result, 0);
        EXPECT_EQ(echo.receiver.end_count, 1);
        ring().close(echo.fd);
    }
}

TEST_P(RingConformanceTest, ReceivesInOrderThroughTinyBuffers) {
    RingOptions options;
    options.receive_buffer_bytes = 16;
    options.receive_buffer_count = 2;
    options.receive_buffer_count_max = 3;
    CREATE_OR_SKIP(options);
    auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    ring().receive(receiver, fd);
    const std::string source = random_bytes(7, 20'000);
    size_t written = 0;
    run_until([&] { return receiver.bytes.size() >= source.size(); },
              [&, &p = peer] { written += p->write(std::string_view(source).substr(written)); });
    EXPECT_EQ(receiver.bytes, source);
    EXPECT_GE(receiver.run_count, source.size() / 16);
    peer->close();
    run_until([&] { return !receiver.pending; });
    ring().close(fd);
}

TEST_P(RingConformanceTest, RecoversFromABufferShortageOnManyIdleSockets) {
    RingOptions options;
    options.receive_buffer_bytes = 64;
    options.receive_buffer_count = 2;
    options.receive_buffer_count_max = 4;
    CREATE_OR_SKIP(options);
    constexpr size_t kCount = 50;
    std::vector<std::unique_ptr<Peer>> peers;
    std::deque<Receiver> receivers;
    std::vector<int> fds;
    for (size_t i = 0; i < kCount; ++i) {
        auto [peer, fd] = connected();
        peers.push_back(std::move(peer));
        fds.push_back(fd);
        receivers.emplace_back(under_test_).keeps_buffers = true;
        ring().receive(receivers.back(), fd);
    }
    for (size_t i = 0; i < kCount; ++i) {
        ASSERT_EQ(peers[i]->write("hello" + std::to_string(i)), 5 + std::to_string(i).size());
    }
    const auto run_count = [&] {
        unsigned count = 0;
        for (const Receiver& receiver : receivers) count += receiver.run_count;
        return count;
    };
    run_until([&] { return run_count() == 4; });
    run_turns(20);
    EXPECT_EQ(run_count(), 4U);  // all buffers are held: nobody else gets anything, nobody fails
    EXPECT_GE(ring().stats().buffer_shortages, 1U);
    for (const Receiver& receiver : receivers) EXPECT_TRUE(receiver.pending);
    const auto all_there = [&] {
        for (size_t i = 0; i < kCount; ++i) {
            if (receivers[i].bytes != "hello" + std::to_string(i)) return false;
        }
        return true;
    };
    run_until(all_there, [&] {
        for (Receiver& receiver : receivers) receiver.return_kept();
    });
    for (size_t i = 0; i < kCount; ++i) {
        receivers[i].return_kept();
        peers[i]->close();
    }
    for (size_t i = 0; i < kCount; ++i) {
        run_until([&] { return !receivers[i].pending; });
        ring().close(fds[i]);
    }
}

TEST_P(RingConformanceTest, CancelEndsAnIdleReceive) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    ring().receive(receiver, fd);
    run_turns(2);
    ring().cancel(receiver);
    EXPECT_EQ(receiver.end_count, 0);  // never from inside cancel()
    run_until([&] { return !receiver.pending; });
    EXPECT_EQ(receiver.end_result, -ECANCELED);
    EXPECT_EQ(receiver.end_count, 1);
    ring().cancel(receiver);  // of nothing: ignored
    run_turns(3);
    EXPECT_EQ(receiver.end_count, 1);
    ring().close(fd);
}

TEST_P(RingConformanceTest, CancelEndsAReceiveThatWaitsForABuffer) {
    RingOptions options;
    options.receive_buffer_bytes = 64;
    options.receive_buffer_count = 1;
    options.receive_buffer_count_max = 1;
    CREATE_OR_SKIP(options);
    auto [holder_peer, holder_fd] = connected();
    auto [peer, fd] = connected();
    Receiver holder(under_test_);
    Receiver receiver(under_test_);
    holder.keeps_buffers = true;
    ring().receive(holder, holder_fd);
    ASSERT_EQ(holder_peer->write("x"), 1U);
    run_until([&] { return holder.run_count == 1; });
    ring().receive(receiver, fd);
    ASSERT_EQ(peer->write("y"), 1U);
    run_turns(10);
    ring().cancel(receiver);
    run_until([&] { return !receiver.pending; });
    EXPECT_EQ(receiver.end_result, -ECANCELED);
    holder.return_kept();
    ring().cancel(holder);
    run_until([&] { return !holder.pending; });
    // What came meanwhile is not lost.
    ring().receive(receiver, fd);
    run_until([&] { return receiver.bytes == "y"; });
    ring().cancel(receiver);
    run_until([&] { return !receiver.pending; });
    ring().close(fd);
    ring().close(holder_fd);
}

TEST_P(RingConformanceTest, LosesNothingWhenAReceiveIsCancelledAndArmedAgain) {
    RingOptions options;
    options.receive_buffer_bytes = 512;
    CREATE_OR_SKIP(options);
    auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    ring().receive(receiver, fd);
    const std::string source = random_bytes(3, 100'000);
    size_t written = 0;
    unsigned turn_count = 0;
    run_until([&] { return receiver.bytes.size() >= source.size(); },
              [&, &p = peer, fd = fd] {
                  const std::string_view rest = std::string_view(source).substr(written);
                  written += p->write(rest.substr(0, 3000));
                  if (!receiver.pending) {
                      EXPECT_EQ(receiver.end_result, -ECANCELED);
                      ring().receive(receiver, fd);
                  } else if (++turn_count % 3 == 0) {
                      ring().cancel(receiver);
                  }
              });
    EXPECT_EQ(receiver.bytes, source);
    if (receiver.pending) ring().cancel(receiver);
    run_until([&] { return !receiver.pending; });
    ring().close(fd);
}

TEST_P(RingConformanceTest, CancelEndsAnAccept) {
    CREATE_OR_SKIP({});
    run_turns(2);
    ring().cancel(acceptor_);
    run_until([&] { return !acceptor_.pending; });
    EXPECT_EQ(acceptor_.end_count, 1);
    EXPECT_EQ(acceptor_.error, -ECANCELED);
    // Connections wait until it is armed again.
    std::unique_ptr<Peer> peer = bench_->connect(listener_.port, false);
    run_turns(5);
    EXPECT_TRUE(acceptor_.fds.empty());
    ring().accept(acceptor_, listener_.fd);
    run_until([&] { return acceptor_.fds.size() == 1; });
    ring().close(acceptor_.fds[0]);
}

TEST_P(RingConformanceTest, CancelEndsASendThatHasNoRoom) {
    CREATE_OR_SKIP({});
    if (bench_->is_zero_copy()) GTEST_SKIP() << "what was taken cannot be cancelled";
    auto [peer, fd] = connected(/*small=*/true);
    Sender sender(under_test_);
    sender.start(fd, random_bytes(5, 16 << 20));
    unsigned quiet_turns = 0;
    size_t before = 0;
    run_until([&] { return quiet_turns > 50; },
              [&] {
                  quiet_turns = sender.sent == before ? quiet_turns + 1 : 0;
                  before = sender.sent;
              });
    EXPECT_TRUE(sender.pending);
    ring().cancel(sender);
    run_until([&] { return !sender.pending; });
    EXPECT_EQ(sender.error, -ECANCELED);
    // What was taken before arrives.
    std::string arrived;
    run_until([&, &p = peer] { return (arrived += p->read(4096)).size() >= sender.sent; });
    EXPECT_EQ(arrived, sender.bytes.substr(0, sender.sent));
    ring().close(fd);
}

TEST_P(RingConformanceTest, ShutdownEndsReceiveAndSend) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected(/*small=*/true);
    Receiver receiver(under_test_);
    Sender sender(under_test_);
    ring().receive(receiver, fd);
    sender.start(fd, random_bytes(5, 16 << 20));
    run_turns(60);
    EXPECT_TRUE(receiver.pending);
    EXPECT_TRUE(sender.pending);
    ring().shutdown(fd);
    run_until([&] { return !receiver.pending && !sender.pending; });
    // Bytes lent to the kernel are got back by a disconnect, which the receive may hear of first.
    if (!bench_->is_zero_copy()) {
        EXPECT_EQ(receiver.end_result, 0);
    }
    EXPECT_LT(sender.error, 0);
    ring().close(fd);
    run_until([&, &p = peer] { return p->ended(); }, [&, &p = peer] { p->read(64 * 1024); });
}

TEST_P(RingConformanceTest, TwoSocketsMayHaveTheSameNumberOneAfterTheOther) {
    CREATE_OR_SKIP({});
    for (int round = 0; round < 20; ++round) {
        auto [peer, fd] = connected();
        Receiver receiver(under_test_);
        Sender sender(under_test_);
        ring().receive(receiver, fd);
        sender.start(fd, "to you " + std::to_string(round));
        const std::string text = "to me " + std::to_string(round);
        ASSERT_EQ(peer->write(text), text.size());
        std::string arrived;
        run_until([&, &p = peer] {
            arrived += p->read(100);
            return receiver.bytes == text && arrived == sender.bytes && !sender.pending;
        });
        ring().shutdown(fd);
        run_until([&] { return !receiver.pending; });
        ring().close(fd);
    }
}

TEST_P(RingConformanceTest, SeesTheEndOfAHalfClosedPeerAndStillSends) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    Sender sender(under_test_);
    ring().receive(receiver, fd);
    ASSERT_EQ(peer->write("last words"), 10U);
    peer->shutdown_send();
    run_until([&] { return !receiver.pending; });
    EXPECT_EQ(receiver.bytes, "last words");
    EXPECT_EQ(receiver.end_result, 0);
    sender.start(fd, "answer");
    std::string arrived;
    run_until([&, &p = peer] { return (arrived += p->read(100)) == "answer" && !sender.pending; });
    ring().shutdown_send(fd);
    run_until([&, &p = peer] { return p->ended(); }, [&, &p = peer] { p->read(100); });
    EXPECT_FALSE(peer->was_reset());
    ring().close(fd);
}

TEST_P(RingConformanceTest, PeerResetEndsReceiveAndSend) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected(/*small=*/true);
    Receiver receiver(under_test_);
    Sender sender(under_test_);
    ring().receive(receiver, fd);
    sender.start(fd, random_bytes(5, 16 << 20));
    run_turns(60);
    EXPECT_TRUE(sender.pending);
    peer->reset();
    run_until([&] { return !receiver.pending && !sender.pending; });
    // Which of the two hears of the reset, and which of a broken pipe, is the kernel's choice.
    EXPECT_TRUE(receiver.end_result == -ECONNRESET || receiver.end_result == 0);
    EXPECT_TRUE(sender.error == -ECONNRESET || sender.error == -EPIPE) << sender.error;
    ring().close(fd);
}

TEST_P(RingConformanceTest, SendsSixteenMiBToASlowReader) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected();
    Sender sender(under_test_);
    const std::string source = random_bytes(11, 16 << 20);
    sender.start(fd, source);
    std::string arrived;
    run_until([&] { return arrived.size() >= source.size(); },
              [&, &p = peer] { arrived += p->read(256 * 1024); });
    EXPECT_TRUE(arrived == source);
    run_until([&] { return sender.done() && !sender.pending; });
    EXPECT_EQ(sender.error, 0);
    ring().close(fd);
}

TEST_P(RingConformanceTest, GathersManyParts) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected();
    Sender sender(under_test_);
    const std::string source = random_bytes(12, 30'000);
    sender.start(fd, source, /*size_of_part=*/17);
    std::string arrived;
    run_until([&] { return arrived.size() >= source.size() && !sender.pending; },
              [&, &p = peer] { arrived += p->read(64 * 1024); });
    EXPECT_EQ(arrived, source);
    ring().close(fd);
}

TEST_P(RingConformanceTest, SendsOfManySocketsInOneTurn) {
    RingOptions options;
    options.submission_count = 8;  // more requests than entries
    CREATE_OR_SKIP(options);
    std::vector<std::unique_ptr<Peer>> peers;
    std::deque<Sender> senders;
    for (int i = 0; i < 40; ++i) {
        auto [peer, fd] = connected();
        peers.push_back(std::move(peer));
        senders.emplace_back(under_test_);
        senders.back().to = fd;
    }
    for (size_t i = 0; i < senders.size(); ++i) {
        senders[i].start(senders[i].to, "number " + std::to_string(i), /*size_of_part=*/3);
    }
    for (size_t i = 0; i < senders.size(); ++i) {
        std::string arrived;
        run_until([&] { return (arrived += peers[i]->read(100)) == senders[i].bytes; });
        run_until([&] { return !senders[i].pending; });
        ring().close(senders[i].to);
    }
}

TEST_P(RingConformanceTest, AcceptEndsWhenDescriptorsRunOut) {
    CREATE_OR_SKIP({});
    // io_uring takes the limit when the request is made: arm after lowering it.
    ring().cancel(acceptor_);
    run_until([&] { return !acceptor_.pending; });
    std::unique_ptr<Peer> peer = bench_->connect(listener_.port, false);
    bench_->exhaust_descriptors(true);
    ring().accept(acceptor_, listener_.fd);
    run_until([&] { return !acceptor_.pending; });
    bench_->exhaust_descriptors(false);
    EXPECT_EQ(acceptor_.error, -EMFILE);
    EXPECT_EQ(acceptor_.end_count, 2);
    // The connection waits; later it is accepted, and those after it.
    ring().accept(acceptor_, listener_.fd);
    std::unique_ptr<Peer> second = bench_->connect(listener_.port, false);
    run_until([&] { return acceptor_.fds.size() == 2; });
    for (const int fd : acceptor_.fds) ring().close(fd);
}

TEST_P(RingConformanceTest, TurnWaitsForItsDeadlineWithoutSpinning) {
    CREATE_OR_SKIP({});
    run_turns(3);
    const uint64_t start = ring().fresh_now_ns();
    const uint64_t deadline = start + 30 * kMs;
    unsigned turn_count = 0;
    while (ring().now_ns() < deadline) {
        under_test_.turn(deadline);
        ASSERT_LT(++turn_count, 50U);
    }
    EXPECT_GE(ring().fresh_now_ns(), deadline);
    // Neither a deadline in the past nor none waits.
    const uint64_t before = ring().fresh_now_ns();
    for (int i = 0; i < 10; ++i) {
        under_test_.turn(0);
        under_test_.turn(1);
    }
    EXPECT_LT(ring().fresh_now_ns(), before + 5'000 * kMs);
}

TEST_P(RingConformanceTest, TheClockOfATurnStandsStillUntilTheNext) {
    CREATE_OR_SKIP({});
    under_test_.turn(0);
    const uint64_t now = ring().now_ns();
    const uint64_t fresh = ring().fresh_now_ns();
    EXPECT_GE(fresh, now);
    EXPECT_EQ(ring().now_ns(), now);
    under_test_.turn(fresh + kMs);
    under_test_.turn(fresh + kMs);
    EXPECT_GT(ring().now_ns(), now);
    EXPECT_GT(ring().wall_ns(), 1'000'000'000'000'000'000U);  // after 2001
}

TEST_P(RingConformanceTest, NotifyEndsATurn) {
    CREATE_OR_SKIP({});
    run_turns(3);
    for (int i = 0; i < 20; ++i) {
        const uint64_t received = ring().stats().wakes_received;
        ring().notify();
        ring().notify();
        while (ring().stats().wakes_received == received) under_test_.turn(kForever);
    }
}

TEST_P(RingConformanceTest, NotifyFromAnotherThreadEndsATurn) {
    CREATE_OR_SKIP({});
    if (!bench_->has_threads()) GTEST_SKIP() << "the simulator has one thread";
    constexpr uint32_t kRounds = 2000;
    std::atomic<uint32_t> asked{0};
    std::atomic<uint32_t> answered{0};
    std::thread other([&] {
        for (uint32_t round = 1; round <= kRounds; ++round) {
            asked.store(round, std::memory_order_release);
            ring().notify();
            while (answered.load(std::memory_order_acquire) != round) std::this_thread::yield();
        }
    });
    while (answered.load(std::memory_order_relaxed) != kRounds) {
        under_test_.turn(kForever);  // a lost wake hangs here
        answered.store(asked.load(std::memory_order_acquire), std::memory_order_release);
    }
    other.join();
}

TEST_P(RingConformanceTest, WakeEndsTheOtherRingsTurn) {
    CREATE_OR_SKIP({});
    absl::StatusOr<std::unique_ptr<Ring>> other = bench_->create_ring({});
    ASSERT_TRUE(other.ok());
    ASSERT_TRUE((*other)->start().ok());
    for (int i = 0; i < 20; ++i) {
        const uint64_t received = (*other)->stats().wakes_received;
        ring().wake(**other);
        under_test_.turn(0);
        while ((*other)->stats().wakes_received == received) (*other)->turn(kForever);
    }
    EXPECT_EQ(ring().stats().wakes_sent, 20U);
}

TEST_P(RingConformanceTest, ADescriptorAcceptedByOneRingIsServedByAnother) {
    CREATE_OR_SKIP({});
    absl::StatusOr<std::unique_ptr<Ring>> other = bench_->create_ring({});
    ASSERT_TRUE(other.ok());
    ASSERT_TRUE((*other)->start().ok());
    auto [peer, fd] = connected();
    TestRing second{std::move(*other)};
    {
        Receiver receiver(second);
        second.ring->receive(receiver, fd);
        ASSERT_EQ(peer->write("over here"), 9U);
        const auto turn_second = [&] { second.turn(second.ring->fresh_now_ns() + kMs); };
        run_until([&] { return receiver.bytes == "over here"; }, turn_second);
        second.ring->cancel(receiver);
        run_until([&] { return !receiver.pending; }, turn_second);
        second.ring->close(fd);
        second.turn(0);
    }
}

TEST_P(RingConformanceTest, ABusySocketDoesNotStarveTheOthers) {
    RingOptions options;
    options.receive_buffer_bytes = 256;
    options.receive_buffer_count = 4;
    options.receive_buffer_count_max = 8;
    CREATE_OR_SKIP(options);
    auto [busy, busy_fd] = connected();
    auto [calm, calm_fd] = connected();
    Receiver from_busy(under_test_);
    Receiver from_calm(under_test_);
    ring().receive(from_busy, busy_fd);
    ring().receive(from_calm, calm_fd);
    const std::string flood = random_bytes(1, 64 * 1024);
    for (int i = 0; i < 20; ++i) {
        // Both have bytes waiting; the calm one must be heard long before the flood is read.
        busy->write(flood);
        const size_t want = from_calm.bytes.size() + 1;
        ASSERT_EQ(calm->write("."), 1U);
        run_until([&] { return from_calm.bytes.size() == want; },
                  [&, &b = busy] {
                      b->write(flood);
                      from_busy.bytes.clear();
                  });
    }
    ring().cancel(from_busy);
    ring().cancel(from_calm);
    run_until([&] { return !from_busy.pending && !from_calm.pending; });
    ring().close(busy_fd);
    ring().close(calm_fd);
}

TEST_P(RingConformanceTest, RandomBytesDiffer) {
    CREATE_OR_SKIP({});
    std::array<unsigned char, 32> first{};
    std::array<unsigned char, 32> second{};
    ring().fill_random(first);
    ring().fill_random(second);
    EXPECT_NE(first, second);
}

std::vector<Flavour> flavours() {
    std::vector<Flavour> all;
    all.push_back({"io_uring", [] { return std::make_unique<KernelBench>(&create_uring_ring); }});
    all.push_back({"io_uring_zero_copy", [] {
                       return std::make_unique<KernelBench>(&create_uring_ring, [](RingOptions& o) {
                           o.zero_copy_threshold_bytes = 1;
                       });
                   }});
    // So small a completion queue that it overflows.
    all.push_back({"io_uring_overflow", [] {
                       return std::make_unique<KernelBench>(
                           &create_uring_ring, [](RingOptions& o) { o.submission_count = 2; });
                   }});
    all.push_back({"epoll", [] { return std::make_unique<KernelBench>(&create_epoll_ring); }});
    all.push_back({"sim_quiet", [] { return std::make_unique<SimBench>(1, sim::SimFaults{}); }});
    static const char* const kNames[] = {"sim_hostile_1", "sim_hostile_2", "sim_hostile_3"};
    for (uint64_t seed = 1; seed <= 3; ++seed) {
        all.push_back({kNames[seed - 1],
                       [seed] { return std::make_unique<SimBench>(seed, hostile_faults()); }});
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(Rings, RingConformanceTest, testing::ValuesIn(flavours()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace nuring::ring
