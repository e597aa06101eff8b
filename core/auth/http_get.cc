// SPDX-License-Identifier: Apache-2.0
#include "core/auth/http_get.h"

#include <httplib.h>
#include <openssl/ssl.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/auth/jwt.h"
#include "fmt/format.h"
#include "proto/quote.h"

namespace nuring::auth {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTimeout{2};
constexpr std::chrono::milliseconds kStopInterval{100};
constexpr int kOk = 200;

struct Place {
    std::string origin;  // scheme://host:port
    std::string path;
    std::string user_info;
};

bool split(const std::string& url, Place* place) {
    const size_t scheme = url.find("://");
    if (scheme == std::string::npos) return false;
    const std::string kind = url.substr(0, scheme);
    if (kind != "http" && kind != "https") return false;
    size_t begin = scheme + 3;
    const size_t slash = std::min(url.find('/', begin), url.size());
    if (const size_t at = url.rfind('@', slash); at != std::string::npos && at >= begin) {
        place->user_info = url.substr(begin, at - begin);
        begin = at + 1;
    }
    place->origin = kind + "://" + url.substr(begin, slash - begin);
    place->path = slash < url.size() ? url.substr(slash) : "/";
    return slash > begin;
}

absl::Status failure(const Place& place, std::string_view why) {
    return absl::UnavailableError(
        fmt::format("could not fetch <{}>: {}", proto::quote(place.origin + place.path), why));
}

// Of an https client. False: a file or a name is not usable.
bool apply_tls(httplib::Client& client, const config::TlsOptions& tls) {
    SSL_CTX* native = client.ssl_context();
    if (native == nullptr) return true;  // http
    if (!tls.ca_file.empty()) client.set_ca_cert_path(tls.ca_file.c_str());
    if (tls.insecure) client.enable_server_certificate_verification(false);
    std::string suites;
    for (const std::string& suite : tls.cipher_suites) {
        suites += fmt::format("{}:", ::OPENSSL_cipher_name(suite.c_str()));
    }
    std::string curves;
    for (const std::string& curve : tls.curve_preferences) {  // "CurveP256" is "P-256" there
        if (!curves.empty()) curves += ':';
        curves += curve.starts_with("CurveP") ? "P-" + curve.substr(6) : curve;
    }
    const int version = tls.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION;
    return ::SSL_CTX_set_min_proto_version(native, version) == 1 &&
           (suites.empty() || ::SSL_CTX_set_cipher_list(native, suites.c_str()) == 1) &&
           (curves.empty() || ::SSL_CTX_set1_groups_list(native, curves.c_str()) == 1);
}

// Cuts off a request when its time is over, wherever it stands: the library's own timeouts begin anew with
// every byte, so that a server which dribbles its headers could hold the caller for ever.
class Watchdog {
  public:
    Watchdog(httplib::Client& client, Clock::time_point end)
        : thread_([this, &client, end] { watch(client, end); }) {}
    ~Watchdog() {
        {
            const std::lock_guard lock(mutex_);
            done_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

  private:
    void watch(httplib::Client& client, Clock::time_point end) {
        std::unique_lock lock(mutex_);
        // More than once: stop() does nothing while the connection is being made.
        while (!changed_.wait_until(lock, end, [this] { return done_; })) {
            client.stop();
            end += kStopInterval;
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;  // guarded by mutex_
    std::thread thread_;
};

}  // namespace

absl::StatusOr<std::string> http_get(const std::string& url, const config::TlsOptions& tls) {
    Place place;
    if (!split(url, &place)) {
        return absl::InvalidArgumentError("could not fetch: not an http or https URL");
    }
    httplib::Client client(place.origin, tls.cert_file, tls.key_file);
    if (!client.is_valid()) return failure(place, "not a valid URL, certificate or key");
    if (!apply_tls(client, tls)) return failure(place, "resolver_tls cannot be used");
    client.set_connection_timeout(kTimeout);
    client.set_read_timeout(kTimeout);
    client.set_write_timeout(kTimeout);
    client.set_follow_location(false);
    if (const size_t colon = place.user_info.find(':'); colon != std::string::npos) {
        client.set_basic_auth(place.user_info.substr(0, colon), place.user_info.substr(colon + 1));
    }
    // A peer that sends a byte now and then is cut off by the clock, one that never ends by the size.
    const Clock::time_point end = Clock::now() + kTimeout;
    std::string body;
    const httplib::Result result = [&] {
        const Watchdog watchdog(client, end);
        return client.Get(place.path, [&](const char* bytes, size_t size) {
            body.append(bytes, size);
            return body.size() <= kJwtBytesMax;
        });
    }();
    if (!result && Clock::now() >= end) return failure(place, "the answer took longer than 2s");
    if (body.size() > kJwtBytesMax) return failure(place, "the answer is too large");
    if (result.error() == httplib::Error::SSLServerVerification) {
        return failure(place, "the server's certificate does not verify");
    }
    if (!result) return failure(place, httplib::to_string(result.error()));
    if (result->status != kOk) {
        return failure(place, fmt::format("{} {}", result->status, result->reason));
    }
    return body;
}

}  // namespace nuring::auth
