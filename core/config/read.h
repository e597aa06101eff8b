// SPDX-License-Identifier: Apache-2.0
// From a configuration file to Options.
#pragma once

#include <string>

#include "core/config/diagnostics.h"
#include "core/config/options.h"
#include "core/config/source.h"
#include "core/config/value.h"

namespace nuring::config {

// Lays the values of a parsed file over *options. Goes on after errors, so that all show at once;
// with an error, *options is unusable.
// Errors:  unknown keys, wrong types, values that make no sense, in file order.
// Source:  server/opts.go 2.0.0-RC19, with the keys of later versions (the comments of options.h
//          name them). Messages are those of the reference, exactly, as far as it has one.
void read_options(const Value& root, Options* options, Diagnostics* diagnostics);

// Parses and reads the file over *options. False if there is any error.
bool load_file(const std::string& path, const Sources& sources, Options* options,
               Diagnostics* diagnostics);

}  // namespace nuring::config
