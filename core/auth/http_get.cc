// SPDX-License-Identifier: Apache-2.0
#include "core/auth/http_get.h"

#include <curl/curl.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cassert>
#include <memory>
#include <string_view>

#include "core/auth/jwt.h"
#include "fmt/format.h"
#include "proto/quote.h"

namespace nuring::auth {
namespace {

constexpr long kTimeout_ms = 2000;
constexpr long kRedirectsMax = 9;  // ten requests in all, as Go's HTTP client
constexpr std::string_view kOk = "200";

// The URL as error texts show it: without user and password. Empty: it is of another scheme, or has no host.
std::string shown_url(std::string_view url) {
    const size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return {};
    if (const std::string_view kind = url.substr(0, scheme); kind != "http" && kind != "https")
        return {};
    const size_t host = scheme + 3;
    const size_t slash = std::min(url.find('/', host), url.size());
    if (slash == host) return {};
    const size_t at = url.rfind('@', slash - 1);
    const size_t begin = at != std::string_view::npos && at >= host ? at + 1 : host;
    return fmt::format("{}{}", url.substr(0, host), url.substr(begin));
}

// The outcome of a request. curl calls these functions while the request runs.
struct Answer {
    std::string body;
    std::string status;  // "404 Not Found", of the last answer
    bool is_too_large = false;

    static size_t append_body(const char* bytes, size_t one, size_t size, void* self) {
        assert(one == 1);
        auto& answer = *static_cast<Answer*>(self);
        answer.is_too_large = size > kJwtBytesMax - answer.body.size();
        if (answer.is_too_large) return 0;  // ends the request
        answer.body.append(bytes, size);
        return size;
    }
    static size_t read_header(const char* bytes, size_t one, size_t size, void* self) {
        assert(one == 1);
        std::string_view line(bytes, size);
        while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
        const size_t blank = line.find(' ');
        if (!line.starts_with("HTTP/") || blank == std::string_view::npos) return size;
        static_cast<Answer*>(self)->status = std::string(line.substr(blank + 1));
        return size;
    }
};

// One request, set up step by step; the first option that curl refuses is remembered.
class Request {
  public:
    Request() : curl_(::curl_easy_init(), &::curl_easy_cleanup) { assert(curl_ != nullptr); }

    template <typename Value>
    void set(CURLoption option, Value value) {
        const CURLcode code = ::curl_easy_setopt(curl_.get(), option, value);
        if (code_ == CURLE_OK) code_ = code;
    }
    void set_text(CURLoption option,
                  const std::string& text) {  // copied by curl; empty: its default
        if (!text.empty()) set(option, text.c_str());
    }
    CURLcode run() { return code_ == CURLE_OK ? ::curl_easy_perform(curl_.get()) : code_; }

  private:
    std::unique_ptr<CURL, void (*)(CURL*)> curl_;
    CURLcode code_ = CURLE_OK;
};

void set_tls(const config::TlsOptions& tls, Request* request) {
    request->set_text(CURLOPT_CAINFO, tls.ca_file);
    request->set_text(CURLOPT_SSLCERT, tls.cert_file);
    request->set_text(CURLOPT_SSLKEY, tls.key_file);
    request->set(CURLOPT_SSL_VERIFYPEER, tls.insecure ? 0L : 1L);
    request->set(CURLOPT_SSL_VERIFYHOST, tls.insecure ? 0L : 2L);
    const auto version =
        tls.min_version == "1.3" ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
    request->set(CURLOPT_SSLVERSION, static_cast<long>(version));
    std::string suites;
    for (const std::string& suite : tls.cipher_suites) {
        suites += fmt::format("{}:", ::OPENSSL_cipher_name(suite.c_str()));
    }
    request->set_text(CURLOPT_SSL_CIPHER_LIST, suites);
    std::string curves;
    for (const std::string& curve : tls.curve_preferences) {  // "CurveP256" is "P-256" there
        if (!curves.empty()) curves += ':';
        curves += curve.starts_with("CurveP") ? "P-" + curve.substr(6) : curve;
    }
    request->set_text(CURLOPT_SSL_EC_CURVES, curves);
}

std::string reason_of(CURLcode code, const Answer& answer, const config::TlsOptions& tls) {
    if (answer.is_too_large) return "the answer is too large";
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
            return "the answer took longer than 2s";
        case CURLE_PEER_FAILED_VERIFICATION:
            return "the server's certificate does not verify";
        case CURLE_URL_MALFORMAT:
            return "not a valid URL";
        case CURLE_SSL_CACERT_BADFILE:
            if (tls.ca_file.empty()) {
                return "the system's CA certificates cannot be read (the package ca-certificates has them)";
            }
            [[fallthrough]];
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
            return fmt::format("resolver_tls cannot be used: {}", ::curl_easy_strerror(code));
        default:
            return ::curl_easy_strerror(code);
    }
}

}  // namespace

absl::StatusOr<std::string> http_get(const std::string& url, const config::TlsOptions& tls) {
    static const CURLcode ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
    assert(ready == CURLE_OK);
    const std::string shown = shown_url(url);
    if (shown.empty())
        return absl::InvalidArgumentError("could not fetch: not an http or https URL");
    const auto failure = [&shown](std::string_view why) {
        return absl::UnavailableError(
            fmt::format("could not fetch <{}>: {}", proto::quote(shown), why));
    };
    Answer answer;
    Request request;
    request.set(CURLOPT_URL, url.c_str());
    request.set(CURLOPT_PROTOCOLS_STR, "http,https");
    request.set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    request.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    request.set(CURLOPT_PATH_AS_IS, 1L);
    request.set(CURLOPT_FOLLOWLOCATION, 1L);
    request.set(CURLOPT_MAXREDIRS, kRedirectsMax);
    request.set(CURLOPT_PROXY, "");     // also none of the environment
    request.set(CURLOPT_NOSIGNAL, 1L);  // other threads run
    request.set(CURLOPT_QUICK_EXIT,
                1L);  // does not wait for a look-up of a name when the time is over
    request.set(CURLOPT_TIMEOUT_MS, kTimeout_ms);
    request.set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(kJwtBytesMax));
    request.set(CURLOPT_WRITEFUNCTION, &Answer::append_body);
    request.set(CURLOPT_WRITEDATA, &answer);
    request.set(CURLOPT_HEADERFUNCTION, &Answer::read_header);
    request.set(CURLOPT_HEADERDATA, &answer);
    set_tls(tls, &request);
    const CURLcode code = request.run();
    if (code == CURLE_FILESIZE_EXCEEDED) return failure("the answer is too large");
    if (code != CURLE_OK) return failure(reason_of(code, answer, tls));
    if (!answer.status.starts_with(kOk)) return failure(answer.status);
    return std::move(answer.body);
}

}  // namespace nuring::auth
