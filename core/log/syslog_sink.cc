// SPDX-License-Identifier: Apache-2.0
#include "core/log/syslog_sink.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "core/base/errno_text.h"
#include "core/base/time_units.h"
#include "fmt/format.h"

namespace nuring::log {
namespace {

constexpr int kFacilityKern = 0;
constexpr int kFacilityDaemon = 3;
constexpr std::string_view kDefaultPort = "514";
constexpr std::array<const char*, 3> kLocalPaths = {"/dev/log", "/var/run/syslog", "/var/run/log"};

int severity_of(Level level) {
    switch (level) {
        case Level::kFatal:
            return 2;
        case Level::kError:
            return 3;
        case Level::kInfo:
        case Level::kTrace:
            return 5;
        case Level::kWarn:
            return 4;
        case Level::kDebug:
            return 7;
    }
    return 5;
}

absl::Status cannot_connect(std::string_view why) {
    return absl::UnavailableError(fmt::format("error connecting to syslog: \"{}\"", why));
}

// Takes the prefix off the front of text, if it is there.
bool consume(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

struct HostPort {
    std::string host;
    std::string port;
};

// "host", "host:port", "[v6]:port"; a port that is missing is syslog's.
HostPort split_host_port(std::string_view text) {
    HostPort result = {"", std::string(kDefaultPort)};
    std::string_view port;
    if (text.starts_with('[')) {
        const size_t end = text.find(']');
        result.host = text.substr(1, end == text.npos ? text.npos : end - 1);
        if (end != text.npos) port = text.substr(end + 1);
        if (!consume(port, ":")) port = {};
    } else {
        const size_t colon = text.rfind(':');
        result.host = text.substr(0, colon);
        if (colon != text.npos) port = text.substr(colon + 1);
    }
    if (!port.empty()) result.port = port;
    return result;
}

// Waits until the socket can be written, then returns its error, if any.
int wait_writable(int fd, int wait_ms_max) {
    pollfd room = {fd, POLLOUT, 0};
    const int ready = ::poll(&room, 1, wait_ms_max);
    if (ready < 0) return errno;
    if (ready == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t error_bytes = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
    return error;
}

std::string hostname() {
    std::array<char, 256> name = {};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

std::string time_text(uint64_t time_ns, const char* form) {
    const auto second = static_cast<std::time_t>(time_ns / base::kSecond_ns);
    std::tm at = {};
    localtime_r(&second, &at);
    std::array<char, 64> text = {};
    return {text.data(), std::strftime(text.data(), text.size(), form, &at)};
}

// As Go prints RFC 3339: "Z" for UTC, else "+01:00", where strftime has "+0100".
std::string rfc3339(uint64_t time_ns) {
    std::string text = time_text(time_ns, "%Y-%m-%dT%H:%M:%S%z");
    if (text.ends_with("+0000")) return text.substr(0, text.size() - 5) + "Z";
    const size_t minutes = text.size() - 2;
    return text.substr(0, minutes) + ":" + text.substr(minutes);
}

}  // namespace

SyslogSink::SyslogSink(const SyslogOptions& options) : options_(options), hostname_(hostname()) {}

SyslogSink::~SyslogSink() {
    close();
}

absl::StatusOr<std::unique_ptr<SyslogSink>> SyslogSink::create(const SyslogOptions& options) {
    std::unique_ptr<SyslogSink> sink(new SyslogSink(options));
    if (const absl::Status status = sink->resolve(); !status.ok()) return status;
    if (const int error = sink->connect(kConnectWaitMax_ms); error != 0) {
        return cannot_connect(options.url.empty() ? "Unix syslog delivery error"
                                                  : base::errno_text(error));
    }
    return sink;
}

absl::Status SyslogSink::resolve() {
    const auto add_path = [&](std::string_view path) {
        for (const int kind : {SOCK_DGRAM, SOCK_STREAM}) {
            Target target;
            auto* unix_address = reinterpret_cast<sockaddr_un*>(&target.address);
            if (path.size() >= sizeof unix_address->sun_path) return;
            unix_address->sun_family = AF_UNIX;
            std::memcpy(unix_address->sun_path, path.data(), path.size());
            target.address_bytes = sizeof *unix_address;
            target.socket_kind = kind;
            targets_.push_back(target);
        }
    };
    std::string_view url = options_.url;
    if (url.empty()) {
        facility_ = kFacilityDaemon;
        for (const char* path : kLocalPaths) add_path(path);
        return absl::OkStatus();
    }
    facility_ = kFacilityKern;
    if (consume(url, "unix://")) {
        add_path(url);
        return absl::OkStatus();
    }
    local_form_ = false;
    int kind = 0;
    if (consume(url, "udp://")) {
        kind = SOCK_DGRAM;
    } else if (consume(url, "tcp://")) {
        kind = SOCK_STREAM;
    } else {
        return absl::InvalidArgumentError(
            fmt::format("error invalid network type: \"{}\"", url.substr(0, url.find("://"))));
    }
    const HostPort where = split_host_port(url.substr(0, url.find('/')));
    addrinfo hints = {};
    hints.ai_socktype = kind;
    addrinfo* found = nullptr;
    const int failed = ::getaddrinfo(where.host.empty() ? "localhost" : where.host.c_str(),
                                     where.port.c_str(), &hints, &found);
    if (failed != 0) return cannot_connect(gai_strerror(failed));
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
        Target target;
        std::memcpy(&target.address, entry->ai_addr, entry->ai_addrlen);
        target.address_bytes = entry->ai_addrlen;
        target.socket_kind = kind;
        targets_.push_back(target);
    }
    ::freeaddrinfo(found);
    return absl::OkStatus();
}

int SyslogSink::connect(int wait_ms_max) {
    close();
    int error = ENOENT;
    for (const Target& target : targets_) {
        const auto* address = reinterpret_cast<const sockaddr*>(&target.address);
        const int fd =
            ::socket(address->sa_family, target.socket_kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            error = errno;
            continue;
        }
        error = ::connect(fd, address, target.address_bytes) == 0 ? 0 : errno;
        if (error == EINPROGRESS) error = wait_writable(fd, wait_ms_max);
        if (error == 0) {
            fd_ = fd;
            return 0;
        }
        ::close(fd);
    }
    return error;
}

void SyslogSink::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

int SyslogSink::send(std::string_view record) {
    if (fd_ < 0) return ENOTCONN;
    while (!record.empty()) {
        const ssize_t sent = ::send(fd_, record.data(), record.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != ENOBUFS) return errno;
            if (const int error = wait_writable(fd_, kSendWaitMax_ms); error != 0) return error;
            continue;
        }
        record.remove_prefix(static_cast<size_t>(sent));
    }
    return 0;
}

std::string SyslogSink::record_of(const Line& line) const {
    std::string record = fmt::format("<{}>", facility_ * 8 + severity_of(line.level));
    if (local_form_) {
        record += fmt::format("{} {}[{}]: ", time_text(line.time_ns, "%b %e %H:%M:%S"),
                              options_.tag, options_.pid);
    } else {
        record += fmt::format("{} {} {}[{}]: ", rfc3339(line.time_ns), hostname_, options_.tag,
                              options_.pid);
    }
    append_escaped(record, line.text.substr(0, kTextBytesMax));
    record += '\n';
    return record;
}

void SyslogSink::write(const Line& line) {
    const std::string record = record_of(line);
    int error = send(record);
    if (error == 0) return;
    const bool may_connect = failed_at_ns_ == 0 || line.time_ns < failed_at_ns_ ||
                             line.time_ns - failed_at_ns_ >= kRetry_ns;
    if (may_connect) {
        error = connect(kSendWaitMax_ms);
        if (error == 0) error = send(record);
        failed_at_ns_ = error == 0 ? 0 : line.time_ns;
    }
    if (error != 0) {
        close();  // part of a record may be on its way: a stream must not go on after it
        count_lost(1, base::errno_text(error));
    }
}

}  // namespace nuring::log
