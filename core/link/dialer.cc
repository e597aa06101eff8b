// SPDX-License-Identifier: Apache-2.0
#include "core/link/dialer.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include "core/base/errno_text.h"
#include "core/base/host_port.h"
#include "fmt/format.h"

namespace nuring::link {
namespace {

// Dialed if the host is empty. Source: Go net.Dial.
constexpr const char* kLocalHost = "127.0.0.1";

std::string connect_error(const ring::SocketAddress& address, int error) {
    const bool no_socket = error == EMFILE || error == ENFILE || error == EAFNOSUPPORT;
    return fmt::format("dial tcp {}: {}: {}", base::host_port(address.host, address.port),
                       no_socket ? "socket" : "connect", base::errno_text(error));
}

}  // namespace

// One connect that the ring has. Without a dialer it is abandoned, and what it brings is closed.
struct Dialer::Connect : ring::Submission {
    Connect(LinkHost& link_host, Dialer& owner)
        : Submission(&completed), host(link_host), dialer(&owner) {}

    static void completed(Submission& submission, const ring::Completion& completion) {
        auto& self = static_cast<Connect&>(submission);
        if (self.dialer != nullptr) return self.dialer->on_connected(completion.result);
        if (completion.result >= 0) self.host.ring.close(completion.result);
        self.host.remove_abandoned_connect();
        delete &self;
    }
    static void abandon(std::unique_ptr<Connect> connect) {
        LinkHost& host = connect->host;
        connect->dialer = nullptr;
        host.add_abandoned_connect();
        host.ring.cancel(*connect.release());  // deleted when it completes
    }

    LinkHost& host;
    Dialer* dialer;
};

// The addresses of a name, which may take the system many seconds to find out.
class Dialer::Lookup final : public runtime::Job {
  public:
    Lookup(std::string name, std::shared_ptr<Dialer*> asker)
        : host(std::move(name)), asker_(std::move(asker)) {}

    void work() override {
        addrinfo hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
        if (code != 0) {
            error = code == EAI_NONAME || code == EAI_NODATA ? "no such host" : ::gai_strerror(code);
            if (code == EAI_SYSTEM) error = base::errno_text(errno);
            return;
        }
        const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, ::freeaddrinfo);
        for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
            char text[NI_MAXHOST] = {};
            const int failed = ::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text,
                                             nullptr, 0, NI_NUMERICHOST);
            if (failed == 0) addresses.emplace_back(text);
        }
        if (addresses.empty()) error = "no such host";
    }
    void run() override {
        if (*asker_ != nullptr) (*asker_)->on_looked_up(*this);
    }

    const std::string host;
    std::vector<std::string> addresses;
    std::string error;

  private:
    const std::shared_ptr<Dialer*> asker_;  // only looked at on the worker
};

Dialer::Dialer(LinkHost& host)
    : link_host_(host),
      prng_(host.ring.random_seed()),
      self_(std::make_shared<Dialer*>(this)) {}

Dialer::~Dialer() {
    cancel();
    *self_ = nullptr;
}

void Dialer::dial(const std::string& host, uint16_t port, uint64_t timeout_ns, Done done) {
    assert(!is_dialing());
    assert(done != nullptr);
    host_ = host;
    port_ = port;
    done_ = std::move(done);
    first_error_ = absl::OkStatus();
    link_host_.timers.arm(timeout_, link_host_.ring.now_ns() + timeout_ns);
    if (host_.empty()) return take_addresses({kLocalHost});
    if (base::is_numeric_host(host_)) return take_addresses({host_});
    if (std::exchange(early_host_, {}) == host_) return take_addresses(std::move(early_addresses_));
    look_up();
}

void Dialer::look_up() {
    if (looking_up_ == host_) return;  // that of an earlier attempt is on its way
    looking_up_ = host_;
    link_host_.lookups.submit(link_host_.worker, std::make_unique<Lookup>(host_, self_));
}

void Dialer::on_looked_up(Lookup& lookup) {
    if (lookup.host != looking_up_) return;  // another name has been dialed since
    looking_up_.clear();
    if (!is_dialing() || host_ != lookup.host) {
        early_host_ = lookup.addresses.empty() ? std::string() : lookup.host;
        early_addresses_ = std::move(lookup.addresses);
        return;
    }
    if (!lookup.error.empty()) {
        return finish(absl::UnavailableError(
            fmt::format("dial tcp: lookup {}: {}", host_, lookup.error)));
    }
    take_addresses(std::move(lookup.addresses));
}

void Dialer::take_addresses(std::vector<std::string> addresses) {
    assert(is_dialing());
    assert(!addresses.empty());
    assert(addresses_.empty());
    for (size_t i = addresses.size(); i > 1; --i) {
        std::swap(addresses[i - 1], addresses[prng_.below(static_cast<uint32_t>(i))]);
    }
    for (std::string& address : addresses) {
        addresses_.push_back({.host = std::move(address), .port = port_});
    }
    connect_next();
}

void Dialer::connect_next() {
    assert(connect_ == nullptr);
    assert(!addresses_.empty());
    connect_ = std::make_unique<Connect>(link_host_, *this);
    link_host_.ring.connect(*connect_, addresses_.back());
}

void Dialer::on_connected(int result) {
    assert(is_dialing());
    const std::unique_ptr<Connect> ended = std::move(connect_);
    if (result >= 0) return finish(result);
    assert(!addresses_.empty());
    if (first_error_.ok()) {
        first_error_ = absl::UnavailableError(connect_error(addresses_.back(), -result));
    }
    addresses_.pop_back();
    if (addresses_.empty()) return finish(first_error_);
    connect_next();
}

void Dialer::on_timeout() {
    assert(is_dialing());
    if (addresses_.empty()) {
        return finish(
            absl::DeadlineExceededError(fmt::format("dial tcp: lookup {}: i/o timeout", host_)));
    }
    const ring::SocketAddress& address = addresses_.back();
    finish(absl::DeadlineExceededError(
        fmt::format("dial tcp {}: i/o timeout", base::host_port(address.host, address.port))));
}

void Dialer::drop_attempt() {
    link_host_.timers.disarm(timeout_);
    if (connect_ != nullptr) Connect::abandon(std::move(connect_));
    addresses_.clear();
}

void Dialer::cancel() {
    done_ = nullptr;
    drop_attempt();
}

// The last thing that happens: `done` may destroy the dialer, or dial again.
void Dialer::finish(absl::StatusOr<int> result) {
    const Done done = std::exchange(done_, nullptr);
    assert(done != nullptr);
    drop_attempt();
    done(std::move(result));
}

}  // namespace nuring::link
