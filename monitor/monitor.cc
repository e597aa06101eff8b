// SPDX-License-Identifier: Apache-2.0
#include "monitor/monitor.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <mutex>
#include <string>
#include <utility>

#include "core/auth/authenticator.h"
#include "core/base/host_port.h"
#include "core/base/status.h"
#include "core/base/time_units.h"
#include "core/config/url.h"
#include "core/ring/kernel_sockets.h"
#include "core/server/tls_files.h"
#include "fmt/format.h"
#include "monitor/dashboard.h"
#include "monitor/http_server.h"
#include "monitor/pages.h"

namespace nuring::monitor {
namespace {

constexpr char kHtmlType[] = "text/html; charset=utf-8";
constexpr char kJavascriptType[] = "application/javascript";
constexpr int kMovedPermanently = 301;
constexpr int kStatusBadRequest = 400;
constexpr int kStatusNotFound = 404;

// When a request is counted in http_req_stats.
enum class Counted : uint8_t { kAlways, kIfGood, kNever };

// The size of a page decides which thread makes it, and whether an expensive answer is cached
// (answer_cache.h). Large pages grow with connections, subscriptions or accounts; small ones are
// always fresh.
enum class Size : uint8_t { kSmall, kLarge };

struct Page {
    std::string_view path;
    std::string_view counted_as;
    MakePage make;
    Size size = Size::kSmall;
    Counted counted = Counted::kAlways;
};

constexpr std::array kPages = {
    Page{"/varz", "/varz", &make_varz},
    Page{"/connz", "/connz", &make_connz, Size::kLarge, Counted::kIfGood},
    Page{"/routez", "/routez", &make_routez, Size::kLarge, Counted::kIfGood},
    Page{"/gatewayz", "/gatewayz", &make_gatewayz, Size::kLarge},
    Page{"/leafz", "/leafz", &make_leafz, Size::kLarge},
    Page{"/subsz", "/subsz", &make_subsz, Size::kLarge},
    Page{"/subscriptionsz", "/subsz", &make_subsz, Size::kLarge},
    Page{"/accountz", "/accountz", &make_accountz, Size::kLarge},
    Page{"/accstatz", "/accstatz", &make_accstatz, Size::kLarge},
    Page{"/healthz", "/healthz", &make_healthz},
    Page{"/jsz", "/jsz", &make_jsz},
    Page{"/ipqueuesz", "/ipqueuesz", &make_ipqueuesz},
    Page{"/raftz", "/raftz", &make_raftz},
    Page{"/stacksz", "", &make_stacksz, Size::kSmall, Counted::kNever},
    Page{"/workerz", "/workerz", &make_workerz},
    Page{"/topz", "/topz", &make_topz, Size::kLarge},
    Page{"/metrics", "/metrics", &make_metrics},
};

uint64_t thread_cpu_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<uint64_t>(time.tv_sec) * base::kSecond_ns +
           static_cast<uint64_t>(time.tv_nsec);
}

HttpAnswer text_answer(int status, std::string text) {
    HttpAnswer answer{.status = status, .content_type = kTextType, .body = std::move(text)};
    return answer;
}

// "monitor" -> "/monitor"; "/" and "" -> "".
std::string normal_base_path(std::string_view given) {
    std::string path = clean_path(given);
    while (path.ends_with('/')) path.pop_back();
    return path;
}

class Monitor final : public server::Subsystem {
  public:
    explicit Monitor(const config::Options& options)
        : secure_(options.http.https_port != 0), base_path_(normal_base_path(options.http.base_path)) {
        for (const Page& page : kPages) {
            if (!page.counted_as.empty()) request_counts_[std::string(page.counted_as)] = 0;
        }
        request_counts_["/"] = 0;
    }
    ~Monitor() override { end(); }

    absl::Status start(server::Server& server,
                       std::shared_ptr<const config::Options> options) override;
    void on_ready() override {
        const std::lock_guard lock(mutex_);
        ready_ = true;
    }
    void reload(std::shared_ptr<const config::Options> options) override {
        const std::lock_guard lock(mutex_);
        take(std::move(options));
        http_->forget();
    }
    void stop() override { end(); }
    std::vector<server::PortsEntry> ports() const override {
        return {{.kind = "monitoring",
                 .scheme = secure_ ? "https" : "http",
                 .host = host_,
                 .port = http_->port()}};
    }
    std::vector<std::string> notices() const override {
        return {fmt::format("Starting {} monitor on {}", secure_ ? "https" : "http",
                            base::host_port(host_, http_->port()))};
    }

  private:
    // Under the lock, or before the thread runs.
    void take(std::shared_ptr<const config::Options> options) {
        auth_required_ = options->trust.active() || auth::Authenticator(*options).required();
        if (secure_) {  // the files were checked with the options; should they be gone, the old ones stay
            if (auto tls = server::load_monitor_tls(*options); tls.ok()) tls_ = *std::move(tls);
        }
        config_load_ns_ = ring::realtime_ns();
        options_ = std::move(options);
    }
    void end() {
        for (server::SurveyRunner* runner : {small_runner_.get(), large_runner_.get()}) {
            if (runner != nullptr) runner->cancel();
        }
        if (http_ != nullptr) http_->stop();
    }
    MadeAnswer make(std::string_view target);
    HttpAnswer answer_to(std::string_view target);
    HttpAnswer make_page(const Page& page, const Query& query);
    // The page of that path; null: none.
    const Page* find_page(std::string_view path) const;
    bool is_large(std::string_view target) const;
    void count(std::string_view name);
    Sources sources(server::SurveyRunner& runner);

    const bool secure_;
    const std::string base_path_;
    std::string host_;
    server::Server* server_ = nullptr;
    std::unique_ptr<server::SurveyRunner> small_runner_;  // of the server's thread
    std::unique_ptr<server::SurveyRunner> large_runner_;  // of the lane
    std::unique_ptr<HttpServer> http_;
    ProcessUsage usage_;  // small pages only: the server's thread

    std::mutex mutex_;
    std::map<std::string, uint64_t> request_counts_;  // guarded by mutex_, as what follows
    std::shared_ptr<const config::Options> options_;
    uint64_t config_load_ns_ = 0;
    bool auth_required_ = false;
    bool ready_ = false;
    std::shared_ptr<const tls::Profile> tls_;  // of HTTPS
};

absl::Status Monitor::start(server::Server& server, std::shared_ptr<const config::Options> options) {
    server_ = &server;
    small_runner_ = std::make_unique<server::SurveyRunner>(server);
    large_runner_ = std::make_unique<server::SurveyRunner>(server);
    take(options);
    config_load_ns_ = server.facts().start_wall_ns;
    const config::HttpOptions& http = options->http;
    if (http.port != 0 && http.https_port != 0) {
        return absl::InvalidArgumentError(
            fmt::format("Can't start monitoring: can't specify both HTTP ({}) and HTTPs ({}) ports",
                        http.port, http.https_port));
    }
    if (secure_ && !options->tls.has_value()) {
        return absl::InvalidArgumentError(
            "Can't start monitoring: TLS cert and key required for HTTPS");
    }
    host_ = http.host;
    if (secure_ && tls_ == nullptr) {
        return absl::InvalidArgumentError("Can't start monitoring: the certificate cannot be used");
    }
    const auto port = static_cast<uint16_t>(std::max(secure_ ? http.https_port : http.port, 0));
    HttpServerOptions server_options{
        .host = http.host,
        .port = port,
        .make = [this](std::string_view target) { return make(target); },
        .is_large = [this](std::string_view target) { return is_large(target); },
        .tls = {}};
    if (secure_) {
        server_options.tls = [this] {
            const std::lock_guard lock(mutex_);
            return tls_;
        };
    }
    http_ = std::make_unique<HttpServer>(std::move(server_options));
    if (const absl::Status status = http_->listen(); !status.ok()) {
        return absl::Status(
            status.code(),  // the remedy goes by it
            "Can't start monitoring: can't listen to the monitor port: " +
                ring::listen_error(http.host, port, status));
    }
    http_->start();
    return absl::OkStatus();
}

Sources Monitor::sources(server::SurveyRunner& runner) {
    const std::lock_guard lock(mutex_);
    return {.server = *server_,
            .runner = runner,
            .usage = usage_,
            .options = options_,
            .config_load_ns = config_load_ns_,
            .auth_required = auth_required_,
            .ready = ready_,
            .http_port = secure_ ? uint16_t{0} : http_->port(),
            .https_port = secure_ ? http_->port() : uint16_t{0},
            .request_counts = request_counts_};
}

void Monitor::count(std::string_view name) {
    const std::lock_guard lock(mutex_);
    ++request_counts_[std::string(name)];
}

const Page* Monitor::find_page(std::string_view path) const {
    if (!path.starts_with(base_path_)) return nullptr;
    const std::string_view name = path.substr(base_path_.size());
    const auto* page = std::find_if(kPages.begin(), kPages.end(),
                                    [name](const Page& each) { return each.path == name; });
    return page == kPages.end() ? nullptr : page;
}

bool Monitor::is_large(std::string_view target) const {
    const auto path = config::percent_decode(target.substr(0, target.find('?')));
    if (!path.has_value()) return false;
    const Page* page = find_page(*path);
    return page != nullptr && page->size == Size::kLarge;
}

MadeAnswer Monitor::make(std::string_view target) {
    MadeAnswer made;
    if (!is_large(target)) {
        made.answer = std::make_shared<const HttpAnswer>(answer_to(target));
        return made;
    }
    const uint64_t cpu_before_ns = thread_cpu_ns();
    const uint64_t asked_before_ns = large_runner_->cost_ns();
    made.answer = std::make_shared<const HttpAnswer>(answer_to(target));
    made.cost_ns =
        (thread_cpu_ns() - cpu_before_ns) + (large_runner_->cost_ns() - asked_before_ns);
    return made;
}

// Exact paths only; what Go's mux would clean up is redirected.
HttpAnswer Monitor::answer_to(std::string_view target) {
    const size_t query_begin = std::min(target.find('?'), target.size());
    const std::string_view query = target.substr(std::min(query_begin + 1, target.size()));
    const auto decoded = config::percent_decode(target.substr(0, query_begin));
    if (!decoded.has_value() || !decoded->starts_with('/')) {
        return text_answer(kStatusBadRequest, "400 Bad Request");
    }
    const std::string& path = *decoded;
    const std::string root = base_path_ + "/";
    std::string clean = clean_path(path);
    if (clean == base_path_) clean = root;  // links of the page are relative to it
    if (clean != path) {
        HttpAnswer moved{.status = kMovedPermanently, .content_type = kHtmlType};
        const std::string location =
            query.empty() ? clean : fmt::format("{}?{}", clean, query);
        // A line break in the path must not become one of the header.
        if (std::any_of(location.begin(), location.end(),
                        [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '<'; })) {
            return text_answer(kStatusNotFound, "404 page not found\n");
        }
        moved.body = fmt::format("<a href=\"{}\">Moved Permanently</a>.\n\n", location);
        moved.headers.emplace_back("Location", location);
        return moved;
    }
    if (path == root) {
        count("/");
        return {.content_type = kHtmlType, .body = std::string(dashboard_html())};
    }
    if (const Page* page = find_page(path)) return make_page(*page, Query(query));
    HttpAnswer missing = text_answer(kStatusNotFound, "404 page not found\n");
    missing.headers.emplace_back("X-Content-Type-Options", "nosniff");
    return missing;
}

HttpAnswer Monitor::make_page(const Page& page, const Query& query) {
    if (page.counted == Counted::kAlways) count(page.counted_as);
    Sources from = sources(page.size == Size::kLarge ? *large_runner_ : *small_runner_);
    // A page that counts only if its parameters are good counts itself, too.
    if (page.counted == Counted::kIfGood) ++from.request_counts[std::string(page.counted_as)];
    HttpAnswer answer{.content_type = kJsonType};
    if (const absl::Status status = page.make(from, query, &answer); !status.ok()) {
        return text_answer(kStatusBadRequest, std::string(base::message_of(status)));
    }
    if (page.counted == Counted::kIfGood) count(page.counted_as);
    if (answer.content_type != kJsonType) return answer;
    if (const std::string_view callback = query.text("callback"); !callback.empty()) {
        answer.body = fmt::format("{}({})", callback, answer.body);
        answer.content_type = kJavascriptType;
    } else {
        answer.headers.emplace_back("Access-Control-Allow-Origin", "*");
    }
    return answer;
}

}  // namespace

std::unique_ptr<server::Subsystem> create_monitor(const config::Options& options) {
    if (options.http.port == 0 && options.http.https_port == 0) return nullptr;
    return std::make_unique<Monitor>(options);
}

}  // namespace nuring::monitor
