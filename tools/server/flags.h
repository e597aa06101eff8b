// SPDX-License-Identifier: Apache-2.0
// The command line of the server: argv -> Flags -> laid over Options.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/config/diagnostics.h"
#include "core/config/options.h"
#include "core/config/source.h"

namespace nuring::tools {

enum class Action {
    kRun,         // start the server
    kVersion,     // -v, version
    kHelp,        // -h, help
    kHelpTls,     // -help_tls
    kTestConfig,  // -t
    kSignal,      // -sl
    kUsageError,  // the flags are wrong: message, then the usage, exit 1
    kError,       // the words are wrong: message, exit 1
};

// One variable per option; the aliases of a flag share it, and the last one given wins.
enum class FlagId : uint8_t {
    kHelp,
    kVersion,
    kHelpTls,
    kTest,
    kTestReload,
    kConfig,
    kSignal,
    kHost,
    kPort,
    kServerName,
    kClientAdvertise,
    kPidFile,
    kPortsFileDir,
    kHttpPort,
    kHttpsPort,
    kLogFile,
    kLogtime,
    kLogtimeUtc,
    kSyslog,
    kRemoteSyslog,
    kLogSizeLimit,
    kMaxTracedMsgLen,
    kDebug,
    kTrace,
    kTraceVerbose,
    kDebugTrace,
    kDebugTraceVerbose,
    kUser,
    kPass,
    kAuth,
    kTls,
    kTlsVerify,
    kTlsCert,
    kTlsKey,
    kTlsCaCert,
    kRoutes,
    kCluster,
    kClusterName,
    kClusterAdvertise,
    kNoAdvertise,
    kConnectRetries,
    kProfile,
    kJetStream,
    kStoreDir,
    kWorkers,
    kBusyPoll,
    kIo,
};

struct Override {
    static constexpr int64_t kOptional = 2;  // -tlsverify=optional

    FlagId id;
    int64_t number = 0;  // of integers; 0 or 1 of bools, kOptional; nanoseconds of durations
    std::string text;    // of strings
};

// The options of the command line. Kept for the whole life of the process: a reload lays the same
// overrides over the newly read file, so that flags stay above the file.
struct Flags {
    // Called nats-server (by a link), it gives that name in all that it says.
    std::string program = "nats-uring";
    Action action = Action::kRun;
    std::string error;                // of kUsageError and kError
    std::string signal;               // as given: word[=pid]
    std::string config_file;          // empty: none
    std::string reload_file;          // of -t: could a reload bring it? Empty: not asked
    std::vector<Override> overrides;  // in the order given
};

// Reads argv by Go's rules (package flag), because start scripts rely on them: `-x` and `--x` are
// one, `-x=v` and `-x v`, a bool takes a value only after '=', no abbreviations, no bundling, `--`
// or the first plain word ends the flags. getopt_long_only differs in each of the last four, hence
// the table and the loop. Never fails: what is wrong is an action with an error text.
Flags parse_flags(int argc, const char* const* argv);

// Lays the flags over *options (defaults, then the file). Later flags win over earlier ones.
// Errors: a combination that cannot work (TLS without a key, routes without a cluster, ...); then
// *options is unusable. Notices about parts that are not active go to *diagnostics.
absl::Status apply_flags(const Flags& flags, config::Options* options,
                         config::Diagnostics* diagnostics);

// The Options of this process: defaults, the file, the flags over it, complete(), validate(). The
// one way to them: start, -t and every reload come here. False if any entry of *diagnostics is an
// error; *options is unusable then.
bool build_options(const Flags& flags, const config::Sources& sources, config::Options* options,
                   config::Diagnostics* diagnostics);

struct Answer {
    std::string out;    // for stdout
    std::string error;  // for stderr
    int exit_code = 0;
};

// The complete answer to a command line that starts nothing (version, help, errors); nothing for
// kRun, kTestConfig and kSignal.
struct Versions {
    std::string_view own;
    std::string_view commit;
    std::string_view compatible;  // the release of nats-server that clients may take it for
};
std::string full_version(const Versions& versions);
std::optional<Answer> immediate_answer(const Flags& flags, const Versions& versions);

// The answer to -t, once build_options() has run: errors and warnings fail the check, notices do not.
// A valid file gets one line, as in the reference; behind its words stand the options whose change
// needs a restart (the newest reference has its digest there).
Answer check_answer(const Flags& flags, const config::Options& options,
                    const config::Diagnostics& diagnostics);

// The answer to -t with --test_reload, once both files are good: exit code 3 where a restart is needed.
// `active` is what -c names. Source: main.go 2.15.3.
Answer reload_answer(const Flags& flags, const config::Options& active, config::Options* fresh);

// The diagnostics for stderr: the first error, and those without a place, under the program's
// name.
std::string report(const Flags& flags, const config::Diagnostics& diagnostics);

// The help texts, each beginning and ending as the reference prints it.
std::string usage_text(std::string_view program);
std::string tls_help_text();

}  // namespace nuring::tools
