// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/tls/tls_engine.h"
#include "monitor/http_answer.h"

namespace nuring::monitor {

// A request for a page that another thread makes.
struct PageRequest {
    size_t size = 0;  // of the request in the input
    std::string target;
    HttpForm form;
};

// HttpConnection is one client of the monitoring port: what it has sent of a request, what it has not
// taken of an answer. Answers are shared, not copied, so a hundred clients that stop in the middle of
// the same large page cost one page; over TLS, kSliceBytes of ciphertext each.
//
// A client that has closed its direction may still read, or may be gone: TCP does not say. While it waits
// for a page it is sent the first bytes that every answer has; if it is gone, its kernel refuses them,
// and the page need not be made.
//
// Threads: one.
// Limits:  kHeadBytesMax of a request, give or take one read; kHeadTime for it to arrive; kIdleTime
//          between two; kAwaitTime for a page to be made; kWriteTime without progress of an answer;
//          kLingerBytesMax and kLingerTime behind the last answer. kReadsMax reads per call, so that a client
//          that never stops sending does not hold up the others. The owner ends it at its deadline.
// Errors:  state() becomes kEnded. Lifetime: owns the socket.
class HttpConnection {
  public:
    static constexpr size_t kHeadBytesMax = size_t{1} << 20;  // as Go's net/http (DefaultMaxHeaderBytes)
    static constexpr int kReadsMax = 4;
    static constexpr size_t kReadBytes = size_t{16} << 10;
    static constexpr size_t kLingerBytesMax = size_t{256} << 10;
    static constexpr size_t kSliceBytes = size_t{64} << 10;
    static constexpr uint64_t kHeadTime_ns = 5'000'000'000;
    static constexpr uint64_t kIdleTime_ns = 60'000'000'000;
    static constexpr uint64_t kAwaitTime_ns = 60'000'000'000;
    static constexpr uint64_t kWriteTime_ns = 10'000'000'000;
    // How long after the first bytes a client counts as gone or not.
    static constexpr uint64_t kProbeTime_ns = 20'000'000;
    static constexpr uint64_t kLingerTime_ns = 1'000'000'000;

    enum class State : uint8_t { kReading, kAwaiting, kWriting, kLingering, kEnded };
    struct Reply {
        std::string head;                        // and a short body, if the next is null
        HttpAnswerPtr page;  // whose body follows
        bool goes_on = true;                     // the connection, after it
    };

    // engine: null for clear text.
    HttpConnection(int fd, std::string address, std::unique_ptr<tls::Engine> engine, uint64_t now_ns)
        : fd_(fd), address_(std::move(address)), engine_(std::move(engine)), since_ns_(now_ns) {}
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    State state() const { return state_; }
    // The other end's, without its port.
    const std::string& address() const { return address_; }
    void end();
    pollfd waiting() const;
    // Memory of what it has sent and of what has not been answered.
    size_t input_bytes() const { return input_.capacity() + received_.capacity(); }
    // Between two requests, with nothing of the next one.
    bool idle() const { return state_ == State::kReading && input_.empty() && answered_; }
    uint64_t deadline_ns() const;

    // Takes the events of poll(); the client may have gone.
    void on_events(short events, uint64_t now_ns);
    void on_readable(uint64_t now_ns);
    void on_writable(uint64_t now_ns);

    // The size of the request that is complete in the input; 0: not yet.
    size_t complete_request();
    // Nothing more will come to complete what is there.
    void end_if_half_closed() {
        if (half_closed_ && state_ == State::kReading) end();
    }
    bool too_large() const { return state_ == State::kReading && input_.size() > kHeadBytesMax; }
    std::string_view input() const { return input_; }
    // The request of that size has its reply.
    void on_answered(size_t request_size, Reply reply, uint64_t now_ns);

    // The complete request waits for its page.
    void await_page(PageRequest request, uint64_t now_ns);
    // While it waits.
    const PageRequest& awaited() const { return awaited_; }
    // When it may be taken for a client that is still there.
    uint64_t probed_until_ns() const { return probed_until_ns_; }
    // Whether the page that is being made is for it: it has asked before that was begun.
    bool is_served() const { return is_served_; }
    void serve() { is_served_ = true; }

    // The page that it has not taken all of, and since when it has been at that.
    const HttpAnswer* owed() const {
        return state_ == State::kWriting ? reply_.page.get() : nullptr;
    }
    uint64_t answered_ns() const { return answered_ns_; }
    // When it last took something of the page.
    uint64_t progress_ns() const { return since_ns_; }

  private:
    std::string_view body() const {
        return reply_.page == nullptr ? std::string_view() : std::string_view(reply_.page->body);
    }
    tls::Output to_wire();
    bool lingers_in_silence() const {
        return state_ == State::kLingering && lingered_bytes_ >= kLingerBytesMax;
    }
    bool decrypt(std::string_view fresh);
    bool send_clear(uint64_t now_ns);
    bool send_encrypted(uint64_t now_ns);
    bool encrypt_next();
    size_t find_request();
    void probe(uint64_t now_ns);
    bool on_sent(ssize_t sent, size_t* count, uint64_t now_ns);

    const int fd_;
    const std::string address_;
    const std::unique_ptr<tls::Engine> engine_;  // null: clear text
    bool handshake_done_ = false;
    std::string received_;  // ciphertext that the engine has not taken
    State state_ = State::kReading;
    uint64_t since_ns_;  // of the deadline: when the state, or the last progress in it, began
    uint64_t answered_ns_ = 0;
    std::string input_;
    size_t scanned_ = 0;  // of the input: no end of a request in there
    bool holds_request_ = false;  // a complete one
    bool first_line_seen_ = false;
    bool answered_ = false;  // a request before
    bool half_closed_ = false;
    size_t lingered_bytes_ = 0;  // read behind the last answer
    PageRequest awaited_;            // kAwaiting
    bool is_served_ = false;         // kAwaiting
    uint64_t probed_until_ns_ = 0;   // kAwaiting
    size_t probe_size_ = 0;          // first bytes of the head that have been sent
    Reply reply_;
    size_t taken_ = 0;       // of head and body, by the socket or the engine
    std::string wire_;       // ciphertext for the socket
    size_t wire_taken_ = 0;  // of it
    bool notified_ = false;  // the end of TLS is in the wire
};

}  // namespace nuring::monitor
