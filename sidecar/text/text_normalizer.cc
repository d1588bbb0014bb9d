// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/text_normalizer.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "unicode/bytestream.h"
#include "unicode/normalizer2.h"
#include "unicode/stringpiece.h"
#include "unicode/uchar.h"

#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "sidecar/text/component_list.h"
#include "sidecar/text/precompiled_normalizer.h"
#include "sidecar/text/text_pattern.h"

namespace copse {
namespace {

constexpr size_t kGrowthMax = 32;
constexpr size_t kInsertedSizeMax = 64;

bool IsNonspacingMark(UChar32 c) { return u_charType(c) == U_NON_SPACING_MARK; }

bool IsMark(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0; }

// ---- Unicode's forms
// ---------------------------------------------------------

const icu::Normalizer2* FormNamed(absl::string_view type) {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* form =
      type == "NFC"    ? icu::Normalizer2::getNFCInstance(code)
      : type == "NFD"  ? icu::Normalizer2::getNFDInstance(code)
      : type == "NFKC" ? icu::Normalizer2::getNFKCInstance(code)
                       : icu::Normalizer2::getNFKDInstance(code);
  COPSE_CHECK(U_SUCCESS(code), u_errorName(code));
  return form;
}

// Rewrites run by run; a run is what no change crosses, such as a letter with
// its marks, and a changed run is the source of all that it becomes.
void ApplyForm(const icu::Normalizer2& form, AlignedText& text) {
  const absl::string_view input = text.text();
  AlignedTextBuilder builder(text);
  std::string output;
  bool has_changed = false;
  for (size_t begin = 0; begin < input.size();) {
    size_t end = begin;
    NextCodePoint(input, end);
    for (size_t next = end; next < input.size(); end = next) {
      if (form.hasBoundaryBefore(NextCodePoint(input, next))) {
        break;
      }
    }
    const TextRange range = {.begin = begin, .end = end};
    const absl::string_view run = range.In(input);
    begin = end;
    if (run.size() == 1) {
      builder.Copy(range);
      continue;
    }
    output.clear();
    icu::StringByteSink<std::string> sink(&output);
    UErrorCode code = U_ZERO_ERROR;
    form.normalizeUTF8(
        0, icu::StringPiece(run.data(), static_cast<int32_t>(run.size())), sink,
        nullptr, code);
    COPSE_CHECK(U_SUCCESS(code), u_errorName(code));
    if (output == run) {
      builder.Copy(range);
    } else {
      builder.Replace(range, output);
      has_changed = true;
    }
  }
  if (has_changed) {
    text = std::move(builder).Build();
  }
}

class FormNormalizer final : public TextNormalizer {
 public:
  explicit FormNormalizer(const icu::Normalizer2* form) : form_(form) {}

  absl::Status Normalize(AlignedText& text) const override {
    UErrorCode code = U_ZERO_ERROR;
    const absl::string_view input = text.text();
    const bool is_normalized = form_->isNormalizedUTF8(
        icu::StringPiece(input.data(), static_cast<int32_t>(input.size())),
        code);
    if (!is_normalized) {
      ApplyForm(*form_, text);
    }
    return absl::OkStatus();
  }

 private:
  const icu::Normalizer2* form_;  // ICU's own.
};

// ---- One code point at a time
// ------------------------------------------------

// Calls `rewrite(c, range, builder)` for each code point; it copies, replaces
// or leaves out.
template <typename Rewrite>
void RewriteCodePoints(AlignedText& text, Rewrite rewrite) {
  AlignedTextBuilder builder(text);
  const absl::string_view input = text.text();
  for (size_t offset = 0; offset < input.size();) {
    TextRange range = {.begin = offset};
    const UChar32 c = NextCodePoint(input, offset);
    range.end = offset;
    rewrite(c, range, builder);
  }
  text = std::move(builder).Build();
}

// As Rust does it: code point by code point, so that a final sigma is none.
void Lowercase(AlignedText& text) {
  RewriteCodePoints(
      text, [](UChar32 c, TextRange range, AlignedTextBuilder& builder) {
        const UChar32 lower = u_tolower(c);
        if (c == 0x130) {  // The only one that becomes two.
          builder.Replace(range, "i\u0307");
        } else if (lower == c) {
          builder.Copy(range);
        } else {
          std::string replacement;
          AppendCodePoint(lower, replacement);
          builder.Replace(range, replacement);
        }
      });
}

template <typename IsRemoved>
void RemoveCodePoints(AlignedText& text, IsRemoved is_removed) {
  RewriteCodePoints(
      text, [&](UChar32 c, TextRange range, AlignedTextBuilder& builder) {
        if (!is_removed(c)) {
          builder.Copy(range);
        }
      });
}

class LowercaseNormalizer final : public TextNormalizer {
 public:
  absl::Status Normalize(AlignedText& text) const override {
    Lowercase(text);
    return absl::OkStatus();
  }
};

class StripAccentsNormalizer final : public TextNormalizer {
 public:
  absl::Status Normalize(AlignedText& text) const override {
    RemoveCodePoints(text, IsMark);
    return absl::OkStatus();
  }
};

// Removes and replaces what sentencepiece's NMT rules do.
class NmtNormalizer final : public TextNormalizer {
 public:
  absl::Status Normalize(AlignedText& text) const override {
    RewriteCodePoints(
        text, [](UChar32 c, TextRange range, AlignedTextBuilder& builder) {
          if (IsRemoved(c)) {
            return;
          }
          if (IsSpace(c)) {
            builder.Replace(range, " ");
          } else {
            builder.Copy(range);
          }
        });
    return absl::OkStatus();
  }

 private:
  static bool IsRemoved(UChar32 c) {
    return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) ||
           c == 0x7F || c == 0x8F || c == 0x9F;
  }
  static bool IsSpace(UChar32 c) {
    return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
           c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  }
};

class ByteLevelNormalizer final : public TextNormalizer {
 public:
  absl::Status Normalize(AlignedText& text) const override {
    AlignedTextBuilder builder(text);
    AppendByteLevel(text.text(), {.begin = 0, .end = text.text().size()},
                    builder);
    text = std::move(builder).Build();
    return absl::OkStatus();
  }
};

// ---- At the ends, and by pattern
// ---------------------------------------------

class StripNormalizer final : public TextNormalizer {
 public:
  StripNormalizer(bool left, bool right) : left_(left), right_(right) {}

  absl::Status Normalize(AlignedText& text) const override {
    const absl::string_view input = text.text();
    TextRange kept = {.begin = left_ ? SkipWhiteSpace(input, 0) : 0,
                      .end = input.size()};
    if (right_) {
      kept.end = TrimmedEnd(input, kept);
    }
    AlignedTextBuilder builder(text);
    builder.Copy(kept);
    text = std::move(builder).Build();
    return absl::OkStatus();
  }

 private:
  const bool left_;
  const bool right_;
};

class PrependNormalizer final : public TextNormalizer {
 public:
  explicit PrependNormalizer(std::string prefix) : prefix_(std::move(prefix)) {}

  absl::Status Normalize(AlignedText& text) const override {
    const absl::string_view input = text.text();
    if (input.empty()) {
      return absl::OkStatus();
    }
    size_t first_end = 0;
    NextCodePoint(input, first_end);
    AlignedTextBuilder builder(text);
    builder.Replace({.begin = 0, .end = first_end}, prefix_);
    builder.Copy({.begin = 0, .end = input.size()});
    text = std::move(builder).Build();
    return absl::OkStatus();
  }

 private:
  const std::string prefix_;
};

class ReplaceNormalizer final : public TextNormalizer {
 public:
  ReplaceNormalizer(TextPattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  absl::Status Normalize(AlignedText& text) const override {
    const size_t size_max = text.text().size() * kGrowthMax;
    AlignedTextBuilder builder(text);
    size_t end = 0;
    COPSE_RETURN_IF_ERROR(
        pattern_.ForEachMatch(text.text(), [&](TextRange match) {
          builder.Copy({.begin = end, .end = match.begin});
          if (builder.size() < size_max) {
            builder.Replace(match, content_);
          }
          end = match.end;
        }));
    if (end == 0) {
      return absl::OkStatus();
    }
    if (builder.size() >= size_max) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "the normalizer 'Replace' makes more than %d bytes of %d", size_max,
          text.text().size()));
    }
    builder.Copy({.begin = end, .end = text.text().size()});
    text = std::move(builder).Build();
    return absl::OkStatus();
  }

 private:
  const TextPattern pattern_;
  const std::string content_;
};

// ---- BERT
// --------------------------------------------------------------------

struct BertOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool lowercase = true;
  bool strip_accents = true;
};

bool IsBertControl(UChar32 c) {
  if (c == '\t' || c == '\n' || c == '\r') {
    return false;
  }
  return (U_GET_GC_MASK(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0;
}

bool IsChinese(UChar32 c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

class BertNormalizer final : public TextNormalizer {
 public:
  explicit BertNormalizer(const BertOptions& options) : options_(options) {}

  absl::Status Normalize(AlignedText& text) const override {
    if (options_.clean_text || options_.handle_chinese_chars) {
      RewriteCodePoints(text, [this](UChar32 c, TextRange range,
                                     AlignedTextBuilder& builder) {
        Rewrite(c, range, builder);
      });
    }
    if (options_.strip_accents) {
      static const icu::Normalizer2* const nfd = FormNamed("NFD");
      COPSE_RETURN_IF_ERROR(FormNormalizer(nfd).Normalize(text));
      RemoveCodePoints(text, IsNonspacingMark);
    }
    if (options_.lowercase) {
      Lowercase(text);
    }
    return absl::OkStatus();
  }

 private:
  void Rewrite(UChar32 c, TextRange range, AlignedTextBuilder& builder) const {
    if (options_.clean_text) {
      if (c == 0 || c == 0xFFFD || IsBertControl(c)) {
        return;
      }
      if (u_isUWhiteSpace(c)) {
        builder.Replace(range, " ");
        return;
      }
    }
    if (options_.handle_chinese_chars && IsChinese(c)) {
      builder.Replace(range, " ");
      builder.Copy(range);
      builder.Replace(range, " ");
    } else {
      builder.Copy(range);
    }
  }

  const BertOptions options_;
};

// ---- Reading
// -----------------------------------------------------------------

absl::Status CheckInserted(absl::string_view field, absl::string_view text) {
  if (text.size() > kInsertedSizeMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("'%s' has %d bytes, expected at most %d", field,
                        text.size(), kInsertedSizeMax));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<const TextNormalizer>> ReadBert(
    const JsonElement& json) {
  BertOptions options;
  COPSE_ASSIGN_OR_RETURN(options.clean_text,
                         BoolField(json, "clean_text", true));
  COPSE_ASSIGN_OR_RETURN(options.handle_chinese_chars,
                         BoolField(json, "handle_chinese_chars", true));
  COPSE_ASSIGN_OR_RETURN(options.lowercase, BoolField(json, "lowercase", true));
  COPSE_ASSIGN_OR_RETURN(options.strip_accents,
                         BoolField(json, "strip_accents", options.lowercase));
  return std::make_unique<BertNormalizer>(options);
}

absl::StatusOr<std::unique_ptr<const TextNormalizer>> ReadReplace(
    const JsonElement& json) {
  const std::optional<JsonElement> pattern = FindField(json, "pattern");
  if (!pattern.has_value()) {
    return absl::InvalidArgumentError(
        "'pattern' is missing, expected an object with 'String' or 'Regex'");
  }
  COPSE_ASSIGN_OR_RETURN(TextPattern compiled, TextPattern::Read(*pattern));
  COPSE_ASSIGN_OR_RETURN(std::string content, StringField(json, "content"));
  COPSE_RETURN_IF_ERROR(CheckInserted("content", content));
  return std::make_unique<ReplaceNormalizer>(std::move(compiled),
                                             std::move(content));
}

absl::StatusOr<std::unique_ptr<const TextNormalizer>> ReadPart(
    absl::string_view type, const JsonElement& json) {
  if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    return std::make_unique<FormNormalizer>(FormNamed(type));
  }
  if (type == "Lowercase") {
    return std::make_unique<LowercaseNormalizer>();
  }
  if (type == "StripAccents") {
    return std::make_unique<StripAccentsNormalizer>();
  }
  if (type == "Nmt") {
    return std::make_unique<NmtNormalizer>();
  }
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevelNormalizer>();
  }
  if (type == "BertNormalizer") {
    return ReadBert(json);
  }
  if (type == "Replace") {
    return ReadReplace(json);
  }
  if (type == "Strip") {
    COPSE_ASSIGN_OR_RETURN(const bool left,
                           BoolField(json, "strip_left", true));
    COPSE_ASSIGN_OR_RETURN(const bool right,
                           BoolField(json, "strip_right", true));
    return std::make_unique<StripNormalizer>(left, right);
  }
  if (type == "Prepend") {
    COPSE_ASSIGN_OR_RETURN(std::string prefix, StringField(json, "prepend"));
    COPSE_RETURN_IF_ERROR(CheckInserted("prepend", prefix));
    return std::make_unique<PrependNormalizer>(std::move(prefix));
  }
  if (type == "Precompiled") {
    COPSE_ASSIGN_OR_RETURN(const std::string map,
                           StringField(json, "precompiled_charsmap"));
    return MakePrecompiledNormalizer(map);
  }
  return absl::InvalidArgumentError("copse does not know this normalizer");
}

}  // namespace

void AppendByteLevel(absl::string_view text, TextRange range,
                     AlignedTextBuilder& builder) {
  // Printable bytes of Latin-1 stand for themselves, the others for U+0100 and
  // those that follow, in order.
  static const auto& characters = *[] {
    auto* result = new std::array<std::string, 256>;
    UChar32 next = 0x100;
    for (UChar32 byte = 0; byte < 256; ++byte) {
      const bool is_printable = (byte >= '!' && byte <= '~') ||
                                (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      AppendCodePoint(is_printable ? byte : next++,
                      (*result)[static_cast<size_t>(byte)]);
    }
    return result;
  }();
  std::string mapped;
  for (size_t offset = range.begin; offset < range.end;) {
    const TextRange code_point = [&] {
      const size_t begin = offset;
      NextCodePoint(text, offset);
      return TextRange{.begin = begin, .end = offset};
    }();
    mapped.clear();
    for (const char byte : code_point.In(text)) {
      mapped += characters[static_cast<unsigned char>(byte)];
    }
    builder.Replace(code_point, mapped);
  }
}

absl::StatusOr<TextNormalizers> ReadNormalizers(const JsonElement& normalizer) {
  return ReadComponents<std::unique_ptr<const TextNormalizer>>(
      normalizer, "normalizers", ReadPart);
}

}  // namespace copse
