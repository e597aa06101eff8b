// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

namespace nuring::proto {

// The outcome for a JSON text that should fill a struct.
enum class [[nodiscard]] JsonStatus : uint8_t{
    kOk,
    kBadJson,    // not JSON
    kWrongType,  // JSON, but not this object
};

// JsonParser owns what the JSON library wants to keep between documents: its tape, its strings and
// a padded copy of the input. One per worker is enough, since parsing a CONNECT or INFO ends before
// it returns; its memory grows to the largest document seen.
// Threads: one at a time. Errors: none by itself; see parse_connect() and parse_info().
class JsonParser {
  public:
    JsonParser();
    ~JsonParser();
    JsonParser(const JsonParser&) = delete;
    JsonParser& operator=(const JsonParser&) = delete;

    class State;  // json_document.h: keeps the library out of this header
    State& state() { return *state_; }

  private:
    std::unique_ptr<State> state_;
};

}  // namespace nuring::proto
