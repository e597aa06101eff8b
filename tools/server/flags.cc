// SPDX-License-Identifier: Apache-2.0
#include "tools/server/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <utility>

#include "core/config/diff.h"
#include "core/config/duration.h"
#include "core/config/text.h"

namespace nuring::tools {
namespace {

// A compatibility name: what finds a nats-server in the path finds this one.
constexpr std::string_view kCompatibleProgram = "nats-server";

enum class ValueKind : uint8_t { kBool, kInteger, kString, kDuration };

struct FlagRow {
    std::string_view name;
    ValueKind kind;
    FlagId id;
};

// Source: ConfigureOptions in server/opts.go 2.9.10 (and 2.9.21 for logtime_utc); the last three
// are ours.
constexpr auto kFlags = std::to_array<FlagRow>({
    {"h", ValueKind::kBool, FlagId::kHelp},
    {"help", ValueKind::kBool, FlagId::kHelp},
    {"v", ValueKind::kBool, FlagId::kVersion},
    {"version", ValueKind::kBool, FlagId::kVersion},
    {"help_tls", ValueKind::kBool, FlagId::kHelpTls},
    {"t", ValueKind::kBool, FlagId::kTest},
    {"test_reload", ValueKind::kString, FlagId::kTestReload},
    {"c", ValueKind::kString, FlagId::kConfig},
    {"config", ValueKind::kString, FlagId::kConfig},
    {"sl", ValueKind::kString, FlagId::kSignal},
    {"signal", ValueKind::kString, FlagId::kSignal},
    {"a", ValueKind::kString, FlagId::kHost},
    {"addr", ValueKind::kString, FlagId::kHost},
    {"net", ValueKind::kString, FlagId::kHost},
    {"p", ValueKind::kInteger, FlagId::kPort},
    {"port", ValueKind::kInteger, FlagId::kPort},
    {"n", ValueKind::kString, FlagId::kServerName},
    {"name", ValueKind::kString, FlagId::kServerName},
    {"server_name", ValueKind::kString, FlagId::kServerName},
    {"client_advertise", ValueKind::kString, FlagId::kClientAdvertise},
    {"P", ValueKind::kString, FlagId::kPidFile},
    {"pid", ValueKind::kString, FlagId::kPidFile},
    {"ports_file_dir", ValueKind::kString, FlagId::kPortsFileDir},
    {"m", ValueKind::kInteger, FlagId::kHttpPort},
    {"http_port", ValueKind::kInteger, FlagId::kHttpPort},
    {"ms", ValueKind::kInteger, FlagId::kHttpsPort},
    {"https_port", ValueKind::kInteger, FlagId::kHttpsPort},
    {"l", ValueKind::kString, FlagId::kLogFile},
    {"log", ValueKind::kString, FlagId::kLogFile},
    {"T", ValueKind::kBool, FlagId::kLogtime},
    {"logtime", ValueKind::kBool, FlagId::kLogtime},
    {"logtime_utc", ValueKind::kBool, FlagId::kLogtimeUtc},
    {"s", ValueKind::kBool, FlagId::kSyslog},
    {"syslog", ValueKind::kBool, FlagId::kSyslog},
    {"r", ValueKind::kString, FlagId::kRemoteSyslog},
    {"remote_syslog", ValueKind::kString, FlagId::kRemoteSyslog},
    {"log_size_limit", ValueKind::kInteger, FlagId::kLogSizeLimit},
    {"max_traced_msg_len", ValueKind::kInteger, FlagId::kMaxTracedMsgLen},
    {"D", ValueKind::kBool, FlagId::kDebug},
    {"debug", ValueKind::kBool, FlagId::kDebug},
    {"V", ValueKind::kBool, FlagId::kTrace},
    {"trace", ValueKind::kBool, FlagId::kTrace},
    {"VV", ValueKind::kBool, FlagId::kTraceVerbose},
    {"DV", ValueKind::kBool, FlagId::kDebugTrace},
    {"DVV", ValueKind::kBool, FlagId::kDebugTraceVerbose},
    {"user", ValueKind::kString, FlagId::kUser},
    {"pass", ValueKind::kString, FlagId::kPass},
    {"auth", ValueKind::kString, FlagId::kAuth},
    {"tls", ValueKind::kBool, FlagId::kTls},
    {"tlsverify", ValueKind::kBool, FlagId::kTlsVerify},
    {"tlscert", ValueKind::kString, FlagId::kTlsCert},
    {"tlskey", ValueKind::kString, FlagId::kTlsKey},
    {"tlscacert", ValueKind::kString, FlagId::kTlsCaCert},
    {"routes", ValueKind::kString, FlagId::kRoutes},
    {"cluster", ValueKind::kString, FlagId::kCluster},
    {"cluster_listen", ValueKind::kString, FlagId::kCluster},
    {"cluster_name", ValueKind::kString, FlagId::kClusterName},
    {"cluster_advertise", ValueKind::kString, FlagId::kClusterAdvertise},
    {"no_advertise", ValueKind::kBool, FlagId::kNoAdvertise},
    {"connect_retries", ValueKind::kInteger, FlagId::kConnectRetries},
    {"profile", ValueKind::kInteger, FlagId::kProfile},
    {"js", ValueKind::kBool, FlagId::kJetStream},
    {"jetstream", ValueKind::kBool, FlagId::kJetStream},
    {"sd", ValueKind::kString, FlagId::kStoreDir},
    {"store_dir", ValueKind::kString, FlagId::kStoreDir},
    {"workers", ValueKind::kInteger, FlagId::kWorkers},
    {"busy_poll", ValueKind::kDuration, FlagId::kBusyPoll},
    {"io", ValueKind::kString, FlagId::kIo},
});

const FlagRow* find_flag(std::string_view name) {
    for (const FlagRow& row : kFlags) {
        if (row.name == name) return &row;
    }
    return nullptr;
}

// Go's strconv.ParseBool.
std::optional<bool> to_bool(std::string_view text) {
    for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
        if (text == yes) return true;
    }
    for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
        if (text == no) return false;
    }
    return std::nullopt;
}

// Go's strconv.ParseInt with base 0: a sign, then 0x, 0o, 0b, or a leading 0 for octal.
std::optional<int64_t> to_integer(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    int base = 10;
    if (text.size() > 1 && text[0] == '0') {
        const char mark = config::lower(text[1]);
        base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
        text.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
    }
    if (text.empty() || text[0] == '-') return std::nullopt;
    const std::string digits = (negative ? "-" : "") + std::string(text);
    int64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

bool is_io(std::string_view text) {
    return text == "auto" || text == "uring" || text == "epoll";
}

std::string invalid_value(std::string_view value, std::string_view name, std::string_view why) {
    return fmt::format("invalid value \"{}\" for flag -{}: {}", value, name, why);
}

// FlagReader walks argv once. After the walk, what concerns the start is taken out of the
// overrides.
class FlagReader {
  public:
    FlagReader(int argc, const char* const* argv) {
        for (int i = 1; i < argc; ++i) words_.emplace_back(argv[i]);
    }

    Flags read() {
        while (next_ < words_.size() && take_flag()) {
        }
        if (flags_.action == Action::kUsageError) return std::move(flags_);
        choose_action();
        return std::move(flags_);
    }

  private:
    // False at the first plain word, after `--`, and at an error.
    bool take_flag() {
        const std::string_view word = words_[next_];
        if (word.size() < 2 || word[0] != '-') return false;
        ++next_;
        if (word == "--") return false;
        std::string_view name = word.substr(word[1] == '-' ? 2 : 1);
        if (name[0] == '-' || name[0] == '=')
            return refuse(fmt::format("bad flag syntax: {}", word));
        std::optional<std::string_view> value;
        if (const size_t equal = name.find('='); equal != std::string_view::npos) {
            value = name.substr(equal + 1);
            name = name.substr(0, equal);
        }
        const FlagRow* row = find_flag(name);
        if (row == nullptr) {
            return refuse(fmt::format("flag provided but not defined: -{}", name));
        }
        if (row->kind == ValueKind::kBool) return take_bool(*row, value);
        if (!value) {
            if (next_ == words_.size()) {
                return refuse(fmt::format("flag needs an argument: -{}", name));
            }
            value = words_[next_++];
        }
        return take_value(*row, *value);
    }

    bool take_bool(const FlagRow& row, std::optional<std::string_view> text) {
        if (row.id == FlagId::kTlsVerify && text == "optional") {
            flags_.overrides.push_back({row.id, Override::kOptional, {}});
            return true;
        }
        const std::optional<bool> value = text ? to_bool(*text) : true;
        if (!value) {
            return refuse(
                fmt::format("invalid boolean value \"{}\" for -{}: parse error", *text, row.name));
        }
        flags_.overrides.push_back({row.id, *value, {}});
        return true;
    }

    bool take_value(const FlagRow& row, std::string_view text) {
        switch (row.kind) {
            case ValueKind::kBool:
                return take_bool(row, text);
            case ValueKind::kString:
                if (row.id == FlagId::kIo && !is_io(text)) {
                    return refuse(invalid_value(text, row.name, "must be auto, uring or epoll"));
                }
                flags_.overrides.push_back({row.id, 0, std::string(text)});
                return true;
            case ValueKind::kInteger: {
                const std::optional<int64_t> value = to_integer(text);
                if (!value) return refuse(invalid_value(text, row.name, "parse error"));
                const bool fits = *value >= INT32_MIN && *value <= INT32_MAX;
                if (!fits && row.id != FlagId::kLogSizeLimit) {
                    return refuse(invalid_value(text, row.name, "value out of range"));
                }
                flags_.overrides.push_back({row.id, *value, {}});
                return true;
            }
            case ValueKind::kDuration: {
                const auto value = config::parse_duration(text);
                if (!value.ok()) return refuse(invalid_value(text, row.name, "parse error"));
                flags_.overrides.push_back({row.id, value->count(), {}});
                return true;
            }
        }
        return false;
    }

    bool refuse(std::string text) {
        flags_.action = Action::kUsageError;
        flags_.error = std::move(text);
        return false;
    }

    void choose_action() {
        bool version = false, help = false, help_tls = false, test = false;
        for (const Override& entry : flags_.overrides) {
            if (entry.id == FlagId::kVersion) version = entry.number != 0;
            if (entry.id == FlagId::kHelp) help = entry.number != 0;
            if (entry.id == FlagId::kHelpTls) help_tls = entry.number != 0;
            if (entry.id == FlagId::kTest) test = entry.number != 0;
            if (entry.id == FlagId::kTestReload) flags_.reload_file = entry.text;
            if (entry.id == FlagId::kSignal) flags_.signal = entry.text;
            if (entry.id == FlagId::kConfig) flags_.config_file = entry.text;
        }
        std::erase_if(flags_.overrides, [](const Override& e) { return e.id <= FlagId::kSignal; });
        const std::string_view word = next_ < words_.size() ? words_[next_] : std::string_view{};
        const bool has_word = next_ < words_.size();
        if (version) return choose(Action::kVersion);
        if (help) return choose(Action::kHelp);
        if (help_tls) return choose(Action::kHelpTls);
        if (has_word && config::to_lower(word) == "version") return choose(Action::kVersion);
        if (has_word && config::to_lower(word) == "help") return choose(Action::kHelp);
        if (has_word) {
            const bool is_file = word.find_first_of("./") != std::string_view::npos;
            return fail(fmt::format("unrecognized command: \"{}\"{}", word,
                                    is_file ? " - a configuration file follows -c" : ""));
        }
        if (!flags_.signal.empty()) return choose(Action::kSignal);
        if (!test && !flags_.reload_file.empty()) {
            return fail("--test_reload can only be used together with -t");
        }
        if (test && flags_.config_file.empty()) {
            return fail("must specify [-c, --config] option to check configuration file syntax");
        }
        if (test) choose(Action::kTestConfig);
    }

    void choose(Action action) { flags_.action = action; }

    void fail(std::string text) {
        flags_.action = Action::kError;
        flags_.error = std::move(text);
    }

    std::vector<std::string_view> words_;
    size_t next_ = 0;
    Flags flags_;
};

}  // namespace

Flags parse_flags(int argc, const char* const* argv) {
    Flags flags = FlagReader(argc, argv).read();
    const std::string_view path = argc > 0 ? argv[0] : "";
    if (path.substr(path.rfind('/') + 1) == kCompatibleProgram) flags.program = kCompatibleProgram;
    return flags;
}

std::string report(const Flags& flags, const config::Diagnostics& diagnostics) {
    return diagnostics.to_string(flags.program);
}

Answer check_answer(const Flags& flags, const config::Options& options,
                    const config::Diagnostics& diagnostics) {
    Answer answer;
    answer.error = report(flags, diagnostics);
    if (diagnostics.has_errors() || diagnostics.has_warnings()) {
        answer.exit_code = 1;
        return answer;
    }
    answer.error += fmt::format("{}: configuration file {} is valid", flags.program, flags.config_file);
    if (const auto fixed = config::fixed_options(options); !fixed.empty()) {
        answer.error += fmt::format(" (to change {} takes a restart)", fmt::join(fixed, ", "));
    }
    answer.error += '\n';
    return answer;
}

Answer reload_answer(const Flags& flags, const config::Options& active, config::Options* fresh) {
    constexpr int kRestartNeeded = 3;
    config::keep_ports(active, fresh);
    absl::Status status = config::check_reload(config::diff(active, *fresh));
    if (status.ok()) status = config::check_links(active.links_servers(), *fresh);
    if (!status.ok()) {
        const std::string why(status.message());
        return {.error = fmt::format("{}: {}\n", flags.program, why), .exit_code = kRestartNeeded};
    }
    return {.error = fmt::format("{}: configuration file {} is valid\n{}: configuration file {} can be reloaded\n",
                                 flags.program, flags.config_file, flags.program, flags.reload_file)};
}

// v0.1.0-12-gabc if that is what git calls it, else v0.1.0+abc.
std::string full_version(const Versions& versions) {
    const std::string own = fmt::format("v{}", versions.own);
    return std::string(versions.commit).starts_with(own) ? std::string(versions.commit)
                                                         : fmt::format("{}+{}", own, versions.commit);
}

std::optional<Answer> immediate_answer(const Flags& flags, const Versions& versions) {
    switch (flags.action) {
        case Action::kRun:
        case Action::kTestConfig:
        case Action::kSignal:
            return std::nullopt;
        case Action::kVersion:
            if (flags.program == kCompatibleProgram) {  // clients' test suites compare it
                return Answer{fmt::format("{}: v{}\n", flags.program, versions.compatible), "", 0};
            }
            return Answer{fmt::format("{}: {}\n", flags.program, full_version(versions)), "", 0};
        case Action::kHelp:
            return Answer{usage_text(flags.program), "", 0};
        case Action::kHelpTls:
            return Answer{tls_help_text(), "", 0};
        case Action::kUsageError:
            return Answer{usage_text(flags.program), flags.error + "\n", 1};
        case Action::kError:
            return Answer{"", fmt::format("{}: {}\n", flags.program, flags.error), 1};
    }
    return std::nullopt;
}

}  // namespace nuring::tools
