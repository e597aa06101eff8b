// SPDX-License-Identifier: Apache-2.0
#include "core/server/process.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "core/auth/password.h"
#include "core/base/errno_text.h"
#include "core/base/host_port.h"
#include "core/base/remedy.h"
#include "core/base/status.h"
#include "core/base/time_units.h"
#include "core/base/version.h"
#include "core/config/diff.h"
#include "core/config/validate.h"
#include "core/interest/match_result.h"
#include "core/log/log.h"
#include "core/log/log_flush.h"
#include "core/ring/kernel_sockets.h"
#include "core/runtime/processors.h"
#include "core/runtime/thread_priority.h"
#include "core/runtime/worker_group.h"
#include "core/server/operator_mode.h"
#include "core/server/ports_file.h"
#include "core/server/readiness.h"
#include "core/server/rings.h"
#include "core/server/server.h"
#include "core/server/signals.h"
#include "core/server/tls_files.h"
#include "fmt/format.h"

namespace nuring::server {
namespace {

// How long a graceful stop may take before what is left is cut off.
constexpr std::chrono::seconds kStopLimit{10};

// Threads for password hashes and the like: one for four processors, within these.
constexpr uint32_t kJobThreadsMin = 2;
constexpr uint32_t kJobThreadsMax = 8;

// The same where they wait for the network: accounts behind a URL.
constexpr uint32_t kFetchThreads = 8;

// Threads for the look-ups of names of servers to connect to, and for the credentials of leafnodes: a name
// that no name server answers for holds one up for half a minute, and with it no other kind of job.
constexpr uint32_t kLookupThreads = 4;

// Threads for handshakes of TLS and checks of tokens: one for two workers, but not more than this.
constexpr uint32_t kHandshakeThreadsMax = 16;

// Many connections need many descriptors; refused by hardened units, which set the limit themselves.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// By default glibc gives a block pages of its own from a size that rises with each such block that is freed,
// up to 32 MiB. Smaller ones lie in heaps that seldom shrink: the input kept during a burst would stay there.
void keep_mmap_threshold() {
#ifdef __GLIBC__
    constexpr int kThresholdBytes = 64 * 1024;
    (void)::mallopt(M_MMAP_THRESHOLD, kThresholdBytes);
#endif
}

std::string open_failure(const std::string& path, int error) {
    return fmt::format("open {}: {}{}", path, base::errno_text(error), base::file_remedy(error));
}

// Returns what went wrong.
std::string write_pid_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
    if (fd < 0) return open_failure(path, errno);
    const std::string text = std::to_string(::getpid());
    const bool ok = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const std::string error = ok ? "" : fmt::format("write {}: {}", path, base::errno_text(errno));
    ::close(fd);
    return error;
}

// Can a PID be written there? Changes no file that exists; one that had to be made is `created`. Returns what
// went wrong.
std::string try_pid_file(const std::string& path, bool* created) {
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
    *created = fd >= 0;
    if (fd < 0 && errno == EEXIST) fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return open_failure(path, errno);
    ::close(fd);
    return "";
}

log::LogOutput log_output(const config::LogOptions& options, const std::string& program) {
    log::LogOutput output;
    output.file = options.file;
    output.file_size_limit_bytes =
        static_cast<uint64_t>(std::max<int64_t>(options.file_size_limit, 0));
    output.file_count_max = static_cast<uint32_t>(std::max<int64_t>(options.file_max_num, 0));
    output.remote_syslog = options.remote_syslog;
    output.syslog = options.syslog;
    output.logtime = options.logtime;
    output.logtime_utc = options.logtime_utc;
    output.json = options.format == config::LogFormat::kJson;
    output.program = program;
    output.pid = ::getpid();
    return output;
}

// Tokens do not count. Source: server/auth.go, checkAuthforWarnings 2.9.10.
bool has_plain_password(const config::AuthorizationOptions& options) {
    const auto plain = [](const std::string& password) {
        return !password.empty() && !auth::is_bcrypt(password);
    };
    return plain(options.password) ||
           std::any_of(options.users.begin(), options.users.end(),
                       [&](const config::User& user) { return plain(user.password); });
}

// The remedy for a port that cannot be bound.
std::string_view remedy_of(const absl::Status& status) {
    switch (status.code()) {
        case absl::StatusCode::kAlreadyExists:
            return " - another process listens there: stop it, or choose another port";
        case absl::StatusCode::kPermissionDenied:
            return " - ports below 1024 need the capability CAP_NET_BIND_SERVICE";
        case absl::StatusCode::kOutOfRange:
            return " - this machine has no such address: choose one that 'ip address' shows, or "
                   "0.0.0.0 for all";
        default:
            return "";
    }
}

int64_t wall_seconds() {
    return static_cast<int64_t>(ring::realtime_ns() / base::kSecond_ns);
}

uint64_t wall_clock(void*) {
    return ring::realtime_ns();
}

// The running process: what run_process() builds, step by step, and takes down in reverse.
class Process {
  public:
    Process(std::shared_ptr<const config::Options> options, ProgramNames names,
            config::Diagnostics found, ReadOptions read_options, Subsystems subsystems)
        : options_(std::move(options)),
          names_(std::move(names)),
          program_(names_.file),
          found_(std::move(found)),
          linked_at_start_(options_->links_servers()),
          read_options_(std::move(read_options)),
          subsystems_(std::move(subsystems)) {}

    int run();

  private:
    bool open_log(uint32_t worker_count);
    bool start_server(uint32_t worker_count, const runtime::Processors& processors);
    runtime::WorkerPlaces worker_places(uint32_t worker_count,
                                        const runtime::Processors& processors);
    bool start_subsystems();
    void log_start(log::Writer& log);
    void log_remarks(const config::Diagnostics& now, const config::Diagnostics& before);
    void fail(std::string_view text);
    void write_ports_file();
    void serve();
    void handle_signal(int signal);
    std::string reload();
    std::string try_reload();
    void refresh_accounts(auth::Trust::Refresh how);
    void enter_lame_duck();
    void stop_gracefully();
    [[noreturn]] void end_at_once(size_t worker, int error);

    std::shared_ptr<const config::Options> options_;
    const ProgramNames names_;
    const std::string& program_;
    config::Diagnostics found_;  // of the options in use
    const bool linked_at_start_;
    const ReadOptions read_options_;
    Signals signals_;
    Bell bell_;  // rung by the log and by drained workers
    std::unique_ptr<log::Logger> logger_;
    std::unique_ptr<log::Flusher> flusher_;
    Rings rings_;
    std::shared_ptr<const tls::Profile> tls_;
    std::unique_ptr<runtime::JobThreads> jobs_;
    std::unique_ptr<runtime::JobThreads> handshake_jobs_;
    std::unique_ptr<runtime::JobThreads> lookup_jobs_;
    std::shared_ptr<auth::Trust> trust_;  // operator mode; null: not in it
    std::unique_ptr<Server> server_;
    const Subsystems subsystems_;
    runtime::WorkerGroup group_;
    PortsFile ports_file_;
    bool stopping_ = false;
    bool lame_duck_ = false;
};

int Process::run() {
    raise_descriptor_limit();
    keep_mmap_threshold();
    const runtime::Processors processors = runtime::usable_processors();
    const uint32_t wanted = options_->uring.workers > 0
                                ? static_cast<uint32_t>(options_->uring.workers)
                                : static_cast<uint32_t>(processors.count);
    static_assert(config::kWorkersMax == interest::WorkerSet::kWorkersMax);
    const uint32_t worker_count = std::min(wanted, interest::WorkerSet::kWorkersMax);
    if (!open_log(worker_count)) return 1;
    log::Writer& log = logger_->writer(0);
    log_start(log);
    if (!options_->pid_file.empty()) {
        if (const std::string error = write_pid_file(options_->pid_file); !error.empty()) {
            flusher_->flush_all();
            fmt::print(stderr, "Could not write pidfile: {}\n", error);
            return 1;
        }
    }
    auto tls = load_listener_tls(options_->tls);
    if (!tls.ok()) {
        fail(base::message_of(tls.status()));
        return 1;
    }
    tls_ = *std::move(tls);
    auto trust = create_trust(*options_, log, wall_seconds());
    if (!trust.ok()) {
        fail(base::message_of(trust.status()));
        return 1;
    }
    trust_ = *std::move(trust);
    if (!start_server(worker_count, processors)) return 1;
    serve();
    stop_gracefully();
    return 0;
}

void Process::log_start(log::Writer& log) {
    if (names_.shown == "nats-uring") {
        log.info("Starting nats-uring version {}", NURING_VERSION);
    } else {
        log.info("Starting {} version {} (nats-uring {})", names_.shown, kProtocolVersion,
                 NURING_VERSION);
    }
    log.debug("Built with {}", __VERSION__);
    log.info("Git commit [{}]", names_.commit);
    if (has_plain_password(options_->authorization)) {
        log.warn("Plaintext passwords detected, use nkeys or bcrypt");
    }
    if (!options_->config_file.empty())
        log.info("Using configuration file: {}", options_->config_file);
    log_remarks(found_, {});
}

// Logs the notices and warnings that were not there before. Places do not count, because an edit above them
// moves them.
void Process::log_remarks(const config::Diagnostics& now, const config::Diagnostics& before) {
    std::vector<std::string_view> known;
    for (const config::Diagnostic& entry : before.entries()) known.push_back(entry.text);
    for (const config::Diagnostic& entry : now.entries()) {
        const auto same = std::find(known.begin(), known.end(), entry.text);
        if (same != known.end()) {
            known.erase(same);
        } else if (entry.severity != config::Severity::kError) {
            logger_->writer(0).warn("{}", entry.to_string());
        }
    }
}

bool Process::open_log(uint32_t worker_count) {
    log::LoggerOptions options;
    options.writer_count = 1 + worker_count;
    options.debug = options_->log.debug;
    options.trace = options_->log.trace;
    options.clock = {.now_ns = &wall_clock};
    options.wake = {.wake = &Bell::ring, .state = &bell_};
    logger_ = std::make_unique<log::Logger>(options);
    auto sink = log::open_sink(log_output(options_->log, program_));
    if (!sink.ok()) {
        fmt::print(stderr, "{}\n", base::message_of(sink.status()));
        return false;
    }
    flusher_ = std::make_unique<log::Flusher>(*logger_, *std::move(sink));
    return true;
}

void Process::fail(std::string_view text) {
    logger_->writer(0).fatal("{}", text);
    flusher_->flush_all();
}

bool Process::start_server(uint32_t worker_count, const runtime::Processors& processors) {
    log::Writer& log = logger_->writer(0);
    auto rings = create_rings(options_->uring, worker_count);
    if (!rings.ok()) {
        fail(base::message_of(rings.status()));
        return false;
    }
    rings_ = *std::move(rings);
    if (!rings_.fallback_reason.empty()) {
        log.warn("{}: falling back to epoll, which costs throughput and latency",
                 rings_.fallback_reason);
    }
    jobs_ = std::make_unique<runtime::JobThreads>(
        options_->trust.resolver == config::ResolverKind::kUrl
            ? kFetchThreads
            : std::clamp(static_cast<uint32_t>(processors.count / 4), kJobThreadsMin,
                         kJobThreadsMax),
        runtime::JobPriority::kHash);
    handshake_jobs_ = std::make_unique<runtime::JobThreads>(
        std::min((worker_count + 1) / 2, kHandshakeThreadsMax), runtime::JobPriority::kLow);
    lookup_jobs_ =
        std::make_unique<runtime::JobThreads>(kLookupThreads, runtime::JobPriority::kLow);
    ServerSetup setup;
    setup.options = options_;
    setup.commit = names_.commit;
    for (const auto& ring : rings_.rings) setup.rings.push_back(ring.get());
    setup.logger = logger_.get();
    setup.tls = tls_;
    setup.trust = trust_;
    setup.jobs = jobs_.get();
    setup.handshake_jobs = handshake_jobs_.get();
    setup.lookup_jobs = lookup_jobs_.get();
    setup.drained = {.call = &Bell::ring, .state = &bell_};
    setup.clients_gone = setup.drained;
    setup.reload = [this] { return reload(); };
    setup.wake_control = &Bell::ring;
    setup.wake_state = &bell_;
    server_ = std::make_unique<Server>(std::move(setup));
    server_->facts().certificate_ends.clients = tls::certificate_end_s(tls_.get());
    if (!start_subsystems()) return false;
    if (const absl::Status status = server_->listen(); !status.ok()) {
        fail(fmt::format("{}{}", base::message_of(status), remedy_of(status)));
        return false;
    }
    std::vector<runtime::Worker*> workers;
    for (uint32_t i = 0; i < worker_count; ++i) workers.push_back(&server_->worker(i));
    const absl::Status started =
        group_.start(std::move(workers), worker_places(worker_count, processors),
                     [this](size_t worker, int error) {
                         server_->control().post([this, worker, error] { end_at_once(worker, error); });
                     });
    if (!started.ok()) {
        fail(base::message_of(started));
        return false;
    }
    runtime::leave_realtime();
    log.info("Workers: {} on {}", worker_count, rings_.rings[0]->name());
    log.info("Listening for client connections on {}",
             base::host_port(options_->host, server_->client_listener().port));
    if (tls_ != nullptr) {
        const bool requires_it =
            !options_->allow_non_tls ||
            (options_->tls->handshake_first && options_->tls->hello_wait.count() == 0);
        log.info("TLS {} for client connections", requires_it ? "required" : "available");
        for (const std::string& suite : tls_->unavailable_suites()) {
            log.warn("TLS cipher suite {} is not available in this build of OpenSSL", suite);
        }
        if (options_->allow_non_tls) {
            log.warn("Clients that are not using \"TLS Required\" will be allowed to connect");
        }
    }
    log.info("Server id is {}", server_->facts().info.server_id);
    write_ports_file();
    for (const auto& subsystem : subsystems_) subsystem->on_ready();
    log.info("Server is ready");
    report_ready();
    return true;
}

// As many workers as processors are not pinned by default: nobody else would have a processor of its own, so
// each worker would wait for the others of the machine.
runtime::WorkerPlaces Process::worker_places(uint32_t worker_count,
                                             const runtime::Processors& processors) {
    runtime::WorkerPlaces places;
    const config::Pinning pin = options_->uring.pin;
    const bool fits = processors.may_pin() && worker_count <= processors.count;
    const bool is_roomy = worker_count < processors.count;
    if (!fits || pin == config::Pinning::kNever) return places;
    if (pin == config::Pinning::kAuto && !is_roomy) return places;
    places.processors = processors.mask;
    places.release_crowded = pin == config::Pinning::kAuto;
    places.on_released = [this](size_t worker) {
        server_->control().post([this, worker] {
            logger_->writer(0).info(
                "Worker {} has to wait for its processor: it is no longer pinned", worker);
        });
    };
    return places;
}

bool Process::start_subsystems() {
    for (const auto& subsystem : subsystems_) {
        if (const absl::Status status = subsystem->start(*server_, options_); !status.ok()) {
            fail(fmt::format("{}{}", base::message_of(status), remedy_of(status)));
            return false;
        }
        for (const std::string& line : subsystem->notices()) logger_->writer(0).info("{}", line);
        if (const std::string text = subsystem->warning(); !text.empty())
            logger_->writer(0).warn("{}", text);
    }
    return true;
}

void Process::write_ports_file() {
    if (options_->ports_file_dir.empty()) return ports_file_.remove();
    std::vector<PortsEntry> entries{{.kind = "nats",
                                     .scheme = tls_ == nullptr ? "nats" : "tls",
                                     .host = server_->client_listener().host,
                                     .port = server_->client_listener().port}};
    for (const auto& subsystem : subsystems_) {
        for (PortsEntry& entry : subsystem->ports()) entries.push_back(std::move(entry));
    }
    const absl::Status written = ports_file_.write(options_->ports_file_dir, program_, entries);
    if (!written.ok()) logger_->writer(0).error("{}", base::message_of(written));
}

void Process::serve() {
    std::array<pollfd, 2> waiting{{{.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                   {.fd = bell_.fd(), .events = POLLIN, .revents = 0}}};
    while (!stopping_) {
        (void)::poll(waiting.data(), waiting.size(), -1);
        bell_.clear();
        while (const int signal = signals_.take()) handle_signal(signal);
        server_->control().run();
        if (server_->clients_are_gone()) stopping_ = true;
        flusher_->drain();
        // relaxed: a figure of the monitoring pages
        server_->facts().dropped_log_lines.store(flusher_->dropped_count(),
                                                 std::memory_order_relaxed);
    }
}

void Process::handle_signal(int signal) {
    log::Writer& log = logger_->writer(0);
    log.debug("Trapped \"{}\" signal", signal_name(signal));
    switch (signal) {
        case SIGTERM:
            if (!lame_duck_) stopping_ = true;  // already on the way out, at its own pace
            return;
        case SIGINT:
            stopping_ = true;
            return;
        case SIGHUP:
            (void)reload();
            return;
        case SIGUSR2:
            return enter_lame_duck();
        case SIGUSR1:
            flusher_->drain();
            (void)flusher_->reopen();
            return;
        default:
            return;
    }
}

// Returns what is wrong.
std::string Process::reload() {
    log::Writer& log = logger_->writer(0);
    report_reloading();
    const std::string error = try_reload();
    report_ready();
    if (error.empty()) {
        log.info("Reloaded server configuration");
    } else {
        log.error("Failed to reload server configuration: {}", error);
    }
    return error;
}

// All of the new configuration is checked before any of it is applied. Returns what is wrong.
// Source: server/reload.go 2.0.0-RC19.
std::string Process::try_reload() {
    if (options_->config_file.empty()) {
        return "can only reload config when a file is provided using -c or --config";
    }
    config::Diagnostics found;
    std::shared_ptr<config::Options> fresh = read_options_(&found);
    if (fresh == nullptr) return found.to_log();
    config::keep_ports(*options_, fresh.get());
    const std::vector<config::Change> changes = config::diff(*options_, *fresh);
    if (const absl::Status status = config::check_reload(changes); !status.ok()) {
        return std::string(base::message_of(status));
    }
    if (const absl::Status status = config::check_links(linked_at_start_, *fresh); !status.ok()) {
        return std::string(base::message_of(status));
    }
    auto tls = load_listener_tls(fresh->tls);
    if (!tls.ok()) return std::string(base::message_of(tls.status()));
    if (const auto address = server::client_address(*fresh, server_->client_listener().port);
        !address.ok()) {
        return fmt::format("invalid ClientAdvertise value of {}, err={}", fresh->client_advertise,
                           base::message_of(address.status()));
    }
    std::unique_ptr<log::Sink> sink;
    if (!(fresh->log == options_->log)) {
        auto opened = log::open_sink(log_output(fresh->log, program_));
        if (!opened.ok()) return std::string(base::message_of(opened.status()));
        sink = *std::move(opened);
    }
    const bool writes_pid_file = fresh->pid_file != options_->pid_file && !fresh->pid_file.empty();
    bool creates_pid_file = false;
    if (writes_pid_file) {
        const std::string pid_error = try_pid_file(fresh->pid_file, &creates_pid_file);
        if (!pid_error.empty()) return "could not write pidfile: " + pid_error;
    }
    // The last that may fail: it stores preloads in the directory of accounts.
    auth::TrustUpdate trust;
    if (trust_ != nullptr) {
        auto prepared = trust_->prepare(fresh->trust);
        if (!prepared.ok()) {
            if (creates_pid_file) (void)::unlink(fresh->pid_file.c_str());
            return std::string(base::message_of(prepared.status()));
        }
        trust = *std::move(prepared);
    }
    // Nothing fails from here on, but for a disk that is full now.
    if (writes_pid_file) {
        const std::string pid_error = write_pid_file(fresh->pid_file);
        if (!pid_error.empty()) logger_->writer(0).error("could not write pidfile: {}", pid_error);
    }
    if (trust_ != nullptr) refresh_accounts(trust_->apply(std::move(trust)));
    const bool ports_file_moves = fresh->ports_file_dir != options_->ports_file_dir;
    options_ = std::move(fresh);
    if (ports_file_moves) write_ports_file();
    logger_->set_debug(options_->log.debug);
    logger_->set_trace(options_->log.trace);
    const bool authorization =
        std::any_of(changes.begin(), changes.end(),
                    [](const config::Change& change) { return change.authorization; });
    const bool renewed =
        tls_ != nullptr && *tls != nullptr && tls_->fingerprint() != (*tls)->fingerprint();
    if (tls_ == nullptr || *tls == nullptr || renewed) tls_ = *std::move(tls);
    server_->facts().certificate_ends.clients = tls::certificate_end_s(tls_.get());
    // Waits, so that connections made after the log line "Reloaded" have the new options.
    server_->apply(options_, tls_, authorization)->wait();
    const bool is_logged = std::any_of(
        changes.begin(), changes.end(),
        [](const config::Change& change) { return change.id == config::OptionId::kTls; });
    // The same names, but the files hold something else now.
    if (renewed && !is_logged) logger_->writer(0).info("Reloaded: tls = enabled");
    for (const auto& subsystem : subsystems_) {
        const std::string before = subsystem->warning();
        subsystem->reload(options_);
        const std::string after = subsystem->warning();
        if (!after.empty() && after != before) logger_->writer(0).warn("{}", after);
    }
    for (const config::Change& change : changes) {
        if (!change.text.empty()) logger_->writer(0).info("{}", change.text);
    }
    server_->reach_workers()->wait();  // the subsystems' tasks, too
    server_->free_former_settings();
    log_remarks(found, found_);
    found_ = std::move(found);
    // The former log says where it goes on, as the reference's does.
    if (sink != nullptr) flusher_->replace(std::move(sink));
    return "";
}

// Accounts behind a URL are asked for by a job: its server may be slow, and there may be thousands.
void Process::refresh_accounts(auth::Trust::Refresh how) {
    class RefreshJob final : public runtime::Job {
      public:
        explicit RefreshJob(std::shared_ptr<auth::Trust> trust) : trust_(std::move(trust)) {}
        void work() override { trust_->refresh(wall_seconds()); }
        void run() override {}

      private:
        const std::shared_ptr<auth::Trust> trust_;
    };
    switch (how) {
        case auth::Trust::Refresh::kNone: return;
        case auth::Trust::Refresh::kQuick: return trust_->refresh(wall_seconds());
        case auth::Trust::Refresh::kSlow:
            return lookup_jobs_->submit(server_->worker(0), std::make_unique<RefreshJob>(trust_));
    }
}

// Source: server/server.go, lameDuckMode 2.9.10.
void Process::enter_lame_duck() {
    if (lame_duck_) return;
    lame_duck_ = true;
    logger_->writer(0).info("Entering lame duck mode, stop accepting new clients");
    for (const auto& subsystem : subsystems_) subsystem->enter_lame_duck();
    server_->enter_lame_duck();
}

// Delivers every accepted message: stops accepting, lets each link send its frames, then ends.
void Process::stop_gracefully() {
    logger_->writer(0).info("Initiating Shutdown...");
    report_stopping();
    for (const auto& subsystem : subsystems_) subsystem->stop();
    server_->stop();
    const auto limit = std::chrono::steady_clock::now() + kStopLimit;
    pollfd waiting{.fd = bell_.fd(), .events = POLLIN, .revents = 0};
    while (server_->drained_count() < server_->worker_count()) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            limit - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        (void)::poll(&waiting, 1, static_cast<int>(left.count()));
        bell_.clear();
        flusher_->drain();
    }
    ports_file_.remove();
    jobs_->stop();
    handshake_jobs_->stop();
    lookup_jobs_->leave();
    group_.stop();
    logger_->writer(0).info("Server Exiting..");
    flusher_->flush_all();
    // Links that did not end in time still have requests in flight: the kernel ends those with the
    // process, so the server is not destroyed.
    if (server_->drained_count() < server_->worker_count()) (void)server_.release();
}

// A worker without a ring can neither deliver nor close anything.
void Process::end_at_once(size_t worker, int error) {
    fail(fmt::format("Worker {} cannot go on: io_uring_enter: {} - io: epoll does without io_uring", worker,
                     base::errno_text(error)));
    ports_file_.remove();
    ::_exit(1);
}

}  // namespace

int run_process(std::shared_ptr<const config::Options> options, ProgramNames names,
                config::Diagnostics found, ReadOptions read_options, Subsystems subsystems) {
    Process process(std::move(options), std::move(names), std::move(found), std::move(read_options),
                    std::move(subsystems));
    return process.run();
}

}  // namespace nuring::server
