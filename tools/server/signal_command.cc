// SPDX-License-Identifier: Apache-2.0
#include "tools/server/signal_command.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>

#include "absl/status/statusor.h"
#include "core/base/errno_text.h"
#include "fmt/format.h"

namespace nuring::tools {
namespace {

struct SignalWord {
    std::string_view word;
    int signal;
};
constexpr SignalWord kWords[] = {
    {"stop", SIGKILL},  {"quit", SIGINT}, {"reopen", SIGUSR1},
    {"reload", SIGHUP}, {"ldm", SIGUSR2}, {"term", SIGTERM},
};

class SystemProcesses final : public ProcessTable {
  public:
    std::vector<int> find(std::string_view program) const override {
        std::vector<int> found;
        const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
        if (proc == nullptr) return found;
        while (const dirent* entry = ::readdir(proc.get())) {
            const std::string_view name(entry->d_name);
            int pid = 0;
            const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
            if (error != std::errc() || end != name.data() + name.size()) continue;
            if (pid != ::getpid() && program_of(pid) == program) found.push_back(pid);
        }
        std::sort(found.begin(), found.end());
        return found;
    }
    int send(int pid, int signal) const override { return ::kill(pid, signal) == 0 ? 0 : errno; }

  private:
    // The name of the program file, from the command line (the kernel's short name is cut off).
    static std::string program_of(int pid) {
        std::ifstream file(fmt::format("/proc/{}/cmdline", pid));
        std::string first;
        std::getline(file, first, '\0');
        return first.substr(first.rfind('/') + 1);
    }
};

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// A readable file's content, or the text itself.
std::string pid_text(const std::string& argument) {
    std::ifstream file(argument);
    if (!file || file.peek() == std::ifstream::traits_type::eof()) return argument;
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    return std::string(trimmed(content));
}

absl::StatusOr<int> parse_pid(std::string_view text) {
    int pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc() || end != text.data() + text.size() || pid <= 0) {
        return absl::InvalidArgumentError(
            fmt::format("invalid pid: {} - neither a process id nor a pid file that can be read", text));
    }
    return pid;
}

// The only other process of the program; with `all`, each whose pid begins so.
absl::StatusOr<std::vector<int>> find_pids(std::string_view program, std::string_view begin,
                                           bool all, const ProcessTable& processes) {
    std::vector<int> found = processes.find(program);
    std::erase_if(found, [begin](int pid) { return !std::to_string(pid).starts_with(begin); });
    if (found.empty()) {
        return absl::NotFoundError(
            fmt::format("no {} processes running - name one by its process id or pid file: --signal <signal>=<pid>",
                        program));
    }
    if (found.size() > 1 && !all) {
        std::string text = fmt::format("multiple {} processes running:", program);
        for (const int one : found) text += fmt::format("\n{}", one);
        return absl::FailedPreconditionError(text);
    }
    return found;
}

// The processes that the text behind the "=" names.
absl::StatusOr<std::vector<int>> resolve_pids(const std::string& argument, std::string_view program,
                                              const ProcessTable& processes) {
    const std::string text = pid_text(argument);
    const bool all = text.ends_with('*');
    const std::string_view number(text.data(), text.size() - (all ? 1 : 0));
    if (!number.empty()) {
        const absl::StatusOr<int> pid = parse_pid(number);
        if (!pid.ok()) return pid.status();
        if (!all) return std::vector<int>{*pid};
    }
    return find_pids(program, number, all, processes);
}

std::string signal_remedy(int error) {
    if (error == EPERM) return " - send it as root, or as the server's user";
    if (error == ESRCH) return " - the server has ended, or its pid file is old";
    return "";
}

}  // namespace

const ProcessTable& system_processes() {
    static const SystemProcesses processes;
    return processes;
}

absl::Status send_signal_command(std::string_view command, std::string_view program,
                                 const ProcessTable& processes) {
    const size_t equals = command.find('=');
    const std::string_view word = command.substr(0, equals);
    const std::string argument(equals == std::string_view::npos ? "" : command.substr(equals + 1));
    if (const size_t second = argument.find('='); second != std::string::npos) {
        std::string rest = argument.substr(second + 1);
        std::replace(rest.begin(), rest.end(), '=', ' ');
        return absl::InvalidArgumentError(fmt::format("invalid signal parameters: [{}]", rest));
    }
    const auto pids = resolve_pids(argument, program, processes);
    if (!pids.ok()) return pids.status();
    const auto* known = std::find_if(std::begin(kWords), std::end(kWords),
                                     [&](const SignalWord& entry) { return entry.word == word; });
    if (known == std::end(kWords)) {
        return absl::InvalidArgumentError(fmt::format("unknown signal \"{}\" - choose ldm, stop, quit, term, reopen or reload", word));
    }
    std::string errors;
    for (const int pid : *pids) {
        const int error = processes.send(pid, known->signal);
        if (error == 0) continue;
        if (pids->size() == 1) return absl::UnknownError(base::errno_text(error) + signal_remedy(error));
        errors += fmt::format("\nsignal \"{}\" {}: {}", word, pid,
                              base::errno_text(error) + signal_remedy(error));
    }
    return errors.empty() ? absl::OkStatus() : absl::UnknownError(errors);
}

}  // namespace nuring::tools
