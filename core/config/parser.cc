// SPDX-License-Identifier: Apache-2.0
#include "core/config/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/config/lexer.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

constexpr size_t kValueOverhead = sizeof(Member);

// Name of the one key under which the text of an environment variable is parsed.
constexpr std::string_view kEnvironmentKey = "pk";

struct Suffix {
    std::string_view name;
    int64_t factor;
};

// Source: conf/parse.go 2.9.10; RC19 has k, m and g, with and without b.
constexpr Suffix kSuffixes[] = {
    {"", 1},
    {"k", 1000},
    {"kb", int64_t{1} << 10},
    {"ki", int64_t{1} << 10},
    {"kib", int64_t{1} << 10},
    {"m", 1000 * 1000},
    {"mb", int64_t{1} << 20},
    {"mi", int64_t{1} << 20},
    {"mib", int64_t{1} << 20},
    {"g", 1000 * 1000 * 1000},
    {"gb", int64_t{1} << 30},
    {"gi", int64_t{1} << 30},
    {"gib", int64_t{1} << 30},
    {"t", int64_t{1000} * 1000 * 1000 * 1000},
    {"tb", int64_t{1} << 40},
    {"ti", int64_t{1} << 40},
    {"tib", int64_t{1} << 40},
    {"p", int64_t{1000} * 1000 * 1000 * 1000 * 1000},
    {"pb", int64_t{1} << 50},
    {"pi", int64_t{1} << 50},
    {"pib", int64_t{1} << 50},
    {"e", int64_t{1000} * 1000 * 1000 * 1000 * 1000 * 1000},
    {"eb", int64_t{1} << 60},
    {"ei", int64_t{1} << 60},
    {"eib", int64_t{1} << 60},
};

// `$2a$11$...` is a bcrypt hash, not a reference. The text comes without its '$'.
bool is_bcrypt(std::string_view text) {
    return text.size() > 3 && text[0] == '2' && text[2] == '$' &&
           std::string_view("abxy").find(text[1]) != std::string_view::npos;
}

// filepath.Join of Go: `b.conf` beside `x/a.conf` is `x/b.conf`.
std::string beside(const std::string& file, const std::string& path) {
    const std::filesystem::path directory = std::filesystem::path(file).parent_path();
    const std::string relative = path.substr(std::min(path.find_first_not_of('/'), path.size()));
    return (directory / relative).lexically_normal().string();
}

// Limits and counts of one whole configuration, shared by its files.
struct Budget {
    size_t source_bytes = 0;
    size_t tree_bytes = 0;
    size_t includes = 0;
};

// An error on its way up: where and what. Empty file: the place is not known below.
struct Failure {
    Position position;
    std::string text;
    bool is_syntax = false;
};

// FileParser turns the tokens of one text into a map. It keeps a stack of open brackets of its own,
// so that nesting costs no C++ stack. An include gets a FileParser of its own, and so does the text
// of an environment variable.
class FileParser {
  public:
    FileParser(std::string_view text, std::shared_ptr<const std::string> file,
               const Sources& sources, Budget* budget, std::vector<std::string>* include_stack,
               std::vector<std::string>* environment_stack)
        : text_(text),
          lexer_(text),
          file_(std::move(file)),
          sources_(sources),
          budget_(budget),
          include_stack_(include_stack),
          environment_stack_(environment_stack) {}

    // False: failure() says why.
    bool parse(Value* root) {
        if (!check_text()) return false;
        frames_.emplace_back();
        frames_.back().value.type = ValueType::kMap;
        frames_.back().value.file = file_;
        while (true) {
            Token token = lexer_.next();
            if (token.kind == TokenKind::kEnd) break;
            if (!take(&token)) return false;
        }
        *root = close_frame();
        assert(frames_.empty());
        return true;
    }

    const Failure& failure() const { return failure_; }

  private:
    // An open map or array with what it holds so far.
    struct Frame {
        Value value;
        std::string key;  // of maps: the key whose value comes next
        int key_line = 0;
        int key_column = 0;
        absl::flat_hash_map<std::string, size_t> index;  // of maps: key -> member
        bool has_replaced = false;                       // members with an empty slot to remove
        std::vector<bool> replaced;
    };

    bool fail(int line, int column, std::string text) {
        failure_ = {{*file_, line, column}, std::move(text), false};
        return false;
    }
    bool fail(const Token& at, std::string text) {
        return fail(at.line, at.column, std::move(text));
    }

    bool check_text() {
        budget_->source_bytes += text_.size();
        if (budget_->source_bytes > kSourceBytesMax) {
            return fail(0, 0,
                        fmt::format("configuration is larger than {} bytes", kSourceBytesMax));
        }
        const size_t zero = text_.find('\0');
        if (zero == std::string_view::npos) return true;
        const std::string_view before = text_.substr(0, zero);
        const auto lines = std::count(before.begin(), before.end(), '\n');
        const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
        return fail(static_cast<int>(lines) + 1, static_cast<int>(zero - line_start) + 1,
                    "not a text file: it holds a zero byte");
    }

    bool take(Token* token) {
        switch (token->kind) {
            case TokenKind::kKey:
                return take_key(token);
            case TokenKind::kMapStart:
                return open_frame(*token, ValueType::kMap);
            case TokenKind::kArrayStart:
                return open_frame(*token, ValueType::kArray);
            case TokenKind::kMapEnd:
            case TokenKind::kArrayEnd:
                return put(close_frame());
            case TokenKind::kString:
            case TokenKind::kBool:
            case TokenKind::kInteger:
            case TokenKind::kFloat:
            case TokenKind::kDatetime:
                return take_scalar(token);
            case TokenKind::kVariable:
                return take_variable(*token);
            case TokenKind::kInclude:
                return take_include(*token);
            case TokenKind::kError:
                (void)fail(*token, std::move(token->text));
                failure_.is_syntax = true;
                return false;
            case TokenKind::kEnd:
                break;
        }
        return true;
    }

    bool take_key(Token* token) {
        Frame& frame = frames_.back();
        assert(frame.value.type == ValueType::kMap);
        frame.key = std::move(token->text);
        frame.key_line = token->line;
        frame.key_column = token->column;
        return true;
    }

    bool open_frame(const Token& token, ValueType type) {
        if (frames_.size() > kNestingMax) {
            return fail(token, fmt::format("nested deeper than {} levels", kNestingMax));
        }
        Value value = make(token, type);
        if (!charge(token, value.weight)) return false;
        Frame& frame = frames_.emplace_back();
        frame.value = std::move(value);
        return true;
    }

    Value close_frame() {
        assert(!frames_.empty());
        Frame& frame = frames_.back();
        Value value = std::move(frame.value);
        if (frame.has_replaced) {
            std::vector<Member> kept;
            assert(frame.replaced.size() == value.members.size());
            for (size_t i = 0; i < value.members.size(); ++i) {
                if (!frame.replaced[i]) kept.push_back(std::move(value.members[i]));
            }
            value.members = std::move(kept);
        }
        frames_.pop_back();
        return value;
    }

    // A value at the token's place, or at that of its key if it stands behind one.
    Value make(const Token& token, ValueType type) const {
        assert(!frames_.empty());
        const Frame& frame = frames_.back();
        const bool keyed = frame.value.type == ValueType::kMap;
        Value value;
        value.type = type;
        value.file = file_;
        value.line = keyed ? frame.key_line : token.line;
        value.column = keyed ? frame.key_column : token.column;
        value.weight = kValueOverhead;
        return value;
    }

    // Adds a finished value to the innermost open map or array.
    bool put(Value value) {
        assert(!frames_.empty());
        Frame& frame = frames_.back();
        frame.value.weight += value.weight + frame.key.size();
        if (frame.value.type == ValueType::kArray) {
            frame.value.elements.push_back(std::move(value));
            return true;
        }
        const size_t slot = frame.value.members.size();
        const auto [found, inserted] = frame.index.try_emplace(frame.key, slot);
        if (!inserted) {  // later wins, and stands where the later one stands
            frame.has_replaced = true;
            frame.replaced.resize(slot, false);
            frame.replaced[found->second] = true;
            value.used_as_variable |= frame.value.members[found->second].value.used_as_variable;
            found->second = slot;
        }
        if (frame.has_replaced) frame.replaced.resize(slot + 1, false);
        frame.value.members.push_back({frame.key, std::move(value)});
        return true;
    }

    bool charge(const Token& token, size_t bytes) {
        budget_->tree_bytes += bytes;
        if (budget_->tree_bytes <= kTreeBytesMax) return true;
        return fail(token, fmt::format("configuration needs more than {} bytes of memory: "
                                       "variables repeat too much",
                                       kTreeBytesMax));
    }

    bool take_scalar(Token* token) {
        Value value = make(*token, ValueType::kString);
        value.text = std::move(token->text);
        value.weight += value.text.size();
        if (!charge(*token, value.weight)) return false;
        switch (token->kind) {
            case TokenKind::kBool: {
                const std::string word = to_lower(value.text);
                value.type = ValueType::kBool;
                value.boolean = word == "true" || word == "yes" || word == "on";
                break;
            }
            case TokenKind::kInteger:
                if (!read_integer(*token, &value)) return false;
                break;
            case TokenKind::kFloat:
                if (!read_float(*token, &value)) return false;
                break;
            case TokenKind::kDatetime:
                value.type = ValueType::kDatetime;
                break;
            default:
                break;
        }
        return put(std::move(value));
    }

    bool read_integer(const Token& token, Value* value) {
        const std::string_view text = value->text;
        size_t digits = 0;
        while (digits < text.size() && (is_digit(text[digits]) || text[digits] == '-')) ++digits;
        const std::optional<int64_t> number = to_integer(text.substr(0, digits));
        const std::string suffix = to_lower(text.substr(digits));
        const Suffix* known =
            std::find_if(std::begin(kSuffixes), std::end(kSuffixes),
                         [&](const Suffix& candidate) { return candidate.name == suffix; });
        if (known == std::end(kSuffixes)) {
            return fail(token, fmt::format("unknown suffix '{}' of integer '{}'",
                                           text.substr(digits), text));
        }
        if (!number || __builtin_mul_overflow(*number, known->factor, &value->integer)) {
            return fail(token, fmt::format("integer '{}' is out of the range", text));
        }
        value->type = ValueType::kInteger;
        return true;
    }

    bool read_float(const Token& token, Value* value) {
        const char* end = value->text.data() + value->text.size();
        const auto [stop, error] = std::from_chars(value->text.data(), end, value->number);
        if (error != std::errc{} || stop != end) {
            return fail(token, fmt::format("float '{}' is out of the range", value->text));
        }
        value->type = ValueType::kFloat;
        return true;
    }

    // ------------------------------------------------------------------------ variables

    bool take_variable(const Token& token) {
        Value value = make(token, ValueType::kString);
        if (is_bcrypt(token.text)) {
            value.text = "$" + token.text;
            value.weight += value.text.size();
            return charge(token, value.weight) && put(std::move(value));
        }
        if (const Value* found = find_variable(token.text)) {
            if (!charge(token, found->weight)) return false;
            const auto [line, column] = std::pair(value.line, value.column);
            value = *found;
            value.file = file_;
            value.line = line;
            value.column = column;
            value.used_as_variable = false;
            return put(std::move(value));
        }
        if (!read_environment(token, &value)) return false;
        return put(std::move(value));
    }

    // The maps that are open, from the innermost outward; only what was already seen in them.
    Value* find_variable(const std::string& name) {
        for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
            const auto found = frame->index.find(name);
            if (found == frame->index.end()) continue;
            Value* value = &frame->value.members[found->second].value;
            value->used_as_variable = true;
            return value;
        }
        return nullptr;
    }

    bool read_environment(const Token& token, Value* value) {
        const std::string& name = token.text;
        const std::optional<std::string> text =
            sources_.environment ? sources_.environment(name) : std::nullopt;
        if (!text) {
            return fail(token,
                        fmt::format("variable reference for '{}' on line {} can not be found", name,
                                    token.line));
        }
        if (text->empty()) return charge(token, value->weight);  // an empty string
        std::vector<std::string>& stack = *environment_stack_;
        if (std::find(stack.begin(), stack.end(), name) != stack.end()) {
            return fail(token, fmt::format("variable reference cycle for '{}'", name));
        }
        if (stack.size() >= kEnvironmentDepthMax) {
            return fail(token, fmt::format("variable reference for '{}' is nested too deep", name));
        }
        stack.push_back(name);
        const std::string assignment = fmt::format("{}={}", kEnvironmentKey, *text);
        FileParser parser(assignment, file_, sources_, budget_, include_stack_, environment_stack_);
        Value root;
        const bool good = parser.parse(&root);
        assert(stack.back() == name);
        stack.pop_back();
        const Value* found = good ? root.find(kEnvironmentKey) : nullptr;
        if (found == nullptr) {
            return fail(
                token, fmt::format("variable reference for '{}' on line {} could not be parsed: {}",
                                   name, token.line, parser.failure().text));
        }
        const auto [line, column] = std::pair(value->line, value->column);
        *value = *found;
        value->line = line;
        value->column = column;
        return true;
    }

    // ------------------------------------------------------------------------ include

    bool take_include(const Token& token) {
        const std::string& path = token.text;
        const auto refuse = [&](std::string_view why) {
            return fail(token, fmt::format("error parsing include file '{}', {}", path, why));
        };
        if (include_stack_->size() >= kIncludeDepthMax || budget_->includes >= kIncludesMax) {
            return refuse("too many files include each other");
        }
        ++budget_->includes;
        std::string full = beside(*file_, path);
        absl::StatusOr<std::string> text = read(full);
        if (!text.ok() && path.starts_with('/')) {
            if (absl::StatusOr<std::string> direct = read(path); direct.ok()) {
                full = path;
                text = std::move(direct);
            }
        }
        if (std::find(include_stack_->begin(), include_stack_->end(), full) !=
            include_stack_->end()) {
            return refuse(fmt::format("include cycle: {} includes itself", full));
        }
        if (!text.ok()) return refuse(std::string(text.status().message()));

        include_stack_->push_back(full);
        FileParser parser(*text, std::make_shared<const std::string>(full), sources_, budget_,
                          include_stack_, environment_stack_);
        Value root;
        const bool good = parser.parse(&root);
        assert(include_stack_->back() == full);
        include_stack_->pop_back();
        if (!good) {
            const Failure& inner = parser.failure();
            const Diagnostic shown{Severity::kError, inner.position, inner.text};
            return refuse(inner.is_syntax ? shown.to_syntax_error() : shown.to_string());
        }
        for (Member& member : root.members) {
            frames_.back().key = std::move(member.key);
            put(std::move(member.value));
        }
        return true;
    }

    absl::StatusOr<std::string> read(const std::string& path) const {
        if (sources_.read_file) return sources_.read_file(path);
        return absl::UnavailableError(fmt::format("open {}: no such file or directory", path));
    }

    std::string_view text_;
    Lexer lexer_;
    std::shared_ptr<const std::string> file_;
    const Sources& sources_;
    Budget* budget_;
    std::vector<std::string>* include_stack_;
    std::vector<std::string>* environment_stack_;
    std::vector<Frame> frames_;
    Failure failure_;
};

}  // namespace

std::optional<Value> parse_text(std::string_view text, const std::string& path,
                                const Sources& sources, Diagnostics* diagnostics) {
    Budget budget;
    std::vector<std::string> include_stack = {
        std::filesystem::path(path).lexically_normal().string()};
    std::vector<std::string> environment_stack;
    FileParser parser(text, std::make_shared<const std::string>(path), sources, &budget,
                      &include_stack, &environment_stack);
    Value root;
    if (!parser.parse(&root)) {
        const Failure& failure = parser.failure();
        if (failure.is_syntax) {
            diagnostics->syntax_error(failure.position, failure.text);
        } else {
            diagnostics->error(failure.position, failure.text);
        }
        return std::nullopt;
    }
    if (root.members.empty()) {
        diagnostics->warning({path, 0, 0}, "config has no values or is empty");
    }
    return root;
}

std::optional<Value> parse_file(const std::string& path, const Sources& sources,
                                Diagnostics* diagnostics) {
    const absl::StatusOr<std::string> text = sources.read_file(path);
    if (!text.ok()) {
        diagnostics->error({}, std::string(text.status().message()));
        return std::nullopt;
    }
    return parse_text(*text, path, sources, diagnostics);
}

}  // namespace nuring::config
