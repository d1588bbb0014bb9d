// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/text_chunker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/text/text_boundaries.h"

namespace copse {
namespace {

// A place to cut is looked for in no more bytes than this: a token may be any
// number of characters that the model does not know.
constexpr size_t kSearchSizeMax = size_t{4} << 10;

absl::StatusOr<int64_t> UsableTokenCount(const ModelLimits& limits) {
  const int64_t usable =
      limits.model_token_count_max - limits.reserved_token_count;
  if (limits.reserved_token_count < 0 || usable < 1) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "reserved_token_count is %d, expected at least 0 and less than the %d "
        "tokens that the model takes",
        limits.reserved_token_count, limits.model_token_count_max));
  }
  return usable;
}

absl::Status CheckOptions(const ChunkingOptions& options) {
  if (options.mode == ChunkingMode::kWhole) {
    return absl::OkStatus();
  }
  if (options.chunk_count_max < 1) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "chunk_count_max is %d, expected at least 1", options.chunk_count_max));
  }
  if (options.token_count_max < 1) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "token_count_max is %d, expected at least 1", options.token_count_max));
  }
  const int64_t overlap_max = options.mode == ChunkingMode::kWindow
                                  ? options.token_count_max - 1
                                  : options.token_count_max / 4;
  if (options.overlap_token_count < 0 ||
      options.overlap_token_count > overlap_max) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "overlap_token_count is %d, expected 0 to %d for chunks of %d tokens",
        options.overlap_token_count, overlap_max, options.token_count_max));
  }
  return absl::OkStatus();
}

absl::Status TooManyChunks(const ChunkingOptions& options) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "text has more chunks of %d tokens than %d, the most that one text may "
      "have",
      options.token_count_max, options.chunk_count_max));
}

// Windows are opened at their first token and closed at their last; few are
// open at a time unless the overlap is nearly all of a window.
class WindowChunker {
 public:
  explicit WindowChunker(const ChunkingOptions& options)
      : size_(options.token_count_max),
        step_(options.token_count_max - options.overlap_token_count),
        chunk_count_max_(static_cast<size_t>(options.chunk_count_max)) {}

  void Add(TextRange token) {
    if (token_count_ % step_ == 0 && chunks_.size() <= chunk_count_max_) {
      chunks_.push_back({.range = token, .first_token = token_count_});
    }
    ++token_count_;
    last_end_ = token.end;
    if (closed_count_ < chunks_.size() &&
        token_count_ == chunks_[closed_count_].first_token + size_) {
      Close(chunks_[closed_count_]);
      ++closed_count_;
    }
  }

  ChunkedText Finish() && {
    // The first window that reaches the end is the last.
    const bool is_closed_at_end =
        closed_count_ > 0 && chunks_[closed_count_ - 1].first_token +
                                     chunks_[closed_count_ - 1].token_count ==
                                 token_count_;
    if (!is_closed_at_end && closed_count_ < chunks_.size()) {
      Close(chunks_[closed_count_]);
      ++closed_count_;
    }
    chunks_.resize(closed_count_);
    return {.chunks = std::move(chunks_), .token_count = token_count_};
  }

 private:
  void Close(TextChunk& chunk) const {
    chunk.range.end = last_end_;
    chunk.token_count = token_count_ - chunk.first_token;
  }

  const int64_t size_;
  const int64_t step_;
  const size_t chunk_count_max_;
  std::vector<TextChunk> chunks_;
  size_t closed_count_ = 0;
  int64_t token_count_ = 0;
  size_t last_end_ = 0;
};

// Holds the tokens of one chunk, those at its end that the next begins with,
// and the one that no longer fits.
class BoundaryChunker {
 public:
  BoundaryChunker(const ChunkingOptions& options, absl::string_view text)
      : size_(static_cast<size_t>(options.token_count_max)),
        overlap_(static_cast<size_t>(options.overlap_token_count)),
        chunk_count_max_(static_cast<size_t>(options.chunk_count_max)),
        text_(text),
        start_(SkipWhiteSpace(text, 0)),
        last_cut_(start_) {}

  absl::Status Add(TextRange token) {
    ++token_count_;
    if (start_ == text_.size()) {
      return absl::OkStatus();  // Nothing but white space is left.
    }
    tokens_.push_back(token);
    DropTokensBeforeStart();
    while (tokens_.size() > size_ && !is_full()) {
      COPSE_RETURN_IF_ERROR(CloseChunk());
    }
    return absl::OkStatus();
  }

  bool is_full() const { return chunks_.size() > chunk_count_max_; }

  ChunkedText Finish() && {
    if (last_cut_ < text_.size()) {
      Append(TrimmedEnd(text_, {.begin = start_, .end = text_.size()}));
    }
    return {.chunks = std::move(chunks_), .token_count = token_count_};
  }

 private:
  // Returns the number of tokens that begin before `end`, which are the
  // chunk's: a token that begins with the space before the next chunk is not.
  size_t Append(size_t end) {
    const auto next = std::ranges::find_if(
        tokens_, [end](TextRange token) { return token.begin >= end; });
    const auto token_count = next - tokens_.begin();
    chunks_.push_back({.range = {.begin = start_, .end = end},
                       .first_token = first_token_,
                       .token_count = token_count});
    return static_cast<size_t>(token_count);
  }

  // A token that goes across the start stays.
  void DropTokensBeforeStart() {
    const auto first = std::ranges::find_if(tokens_, [this](TextRange token) {
      return token.begin >= start_ || token.end > start_;
    });
    first_token_ += first - tokens_.begin();
    tokens_.erase(tokens_.begin(), first);
  }

  // `begin`, or the start of the chunk or of what is searched if that is nearer
  // to `limit`.
  size_t SearchBegin(size_t begin, size_t limit) const {
    const size_t nearest = limit - std::min(limit, kSearchSizeMax);
    return CodePointStart(text_, std::max({begin, nearest, start_}));
  }

  // Where the chunk that begins at start_ is cut: behind the last cut, so that
  // it has something of its own. REQUIRES: start_ < limit && last_cut_ < limit
  absl::StatusOr<size_t> FindCut(size_t limit) {
    const size_t last_own = size_ - std::max<size_t>(size_ / 4, 1);
    size_t begin = last_own > 0 ? tokens_[last_own - 1].end : start_;
    begin = SearchBegin(std::max(begin, last_cut_), limit);
    if (begin >= limit) {
      return limit;
    }
    return boundaries_->LastIn({.begin = begin, .end = limit},
                               SearchBegin(last_cut_, limit));
  }

  // Where the chunk begins that follows one with `token_count` tokens that
  // ends at `cut`.
  absl::StatusOr<size_t> FindStart(size_t cut, size_t token_count) {
    if (overlap_ == 0 || overlap_ >= token_count) {
      return cut;
    }
    size_t begin = SearchBegin(tokens_[token_count - overlap_].begin, cut);
    if (begin <= start_ || begin >= cut) {
      return cut;
    }
    return boundaries_->FirstIn({.begin = begin, .end = cut});
  }

  absl::Status CloseChunk() {
    if (!boundaries_.has_value()) {
      COPSE_ASSIGN_OR_RETURN(boundaries_, TextBoundaries::Make(text_));
    }
    const size_t limit = tokens_[size_].begin;
    if (start_ < last_cut_ && limit <= last_cut_) {
      // What the last chunk ends with leaves no room for anything new.
      start_ = last_cut_;
      DropTokensBeforeStart();
      return absl::OkStatus();
    }
    size_t cut = start_;
    if (limit > start_) {
      COPSE_ASSIGN_OR_RETURN(cut, FindCut(limit));
    } else {
      // One code point has more tokens than a chunk may have.
      NextCodePoint(text_, cut);
    }
    const size_t token_count =
        Append(TrimmedEnd(text_, {.begin = start_, .end = cut}));
    COPSE_ASSIGN_OR_RETURN(const size_t start, FindStart(cut, token_count));
    start_ = SkipWhiteSpace(text_, start);
    last_cut_ = SkipWhiteSpace(text_, cut);
    DropTokensBeforeStart();
    return absl::OkStatus();
  }

  const size_t size_;
  const size_t overlap_;
  const size_t chunk_count_max_;
  const absl::string_view text_;  // Not owned.
  std::optional<TextBoundaries> boundaries_;
  std::vector<TextChunk> chunks_;
  std::vector<TextRange> tokens_;  // From the first of the chunk on.
  int64_t token_count_ = 0;
  int64_t first_token_ = 0;
  size_t start_;

  // What follows the last chunk and is no white space; start_ is before it
  // where the next chunk repeats the end of the last.
  size_t last_cut_;
};

absl::StatusOr<ChunkedText> ChunkByWindows(const ChunkingOptions& options,
                                           const TokenCounter& counter,
                                           absl::string_view text) {
  WindowChunker chunker(options);
  COPSE_RETURN_IF_ERROR(
      counter.ForEachToken(text, [&](TextRange token) { chunker.Add(token); }));
  return std::move(chunker).Finish();
}

absl::StatusOr<ChunkedText> ChunkByBoundaries(const ChunkingOptions& options,
                                              const TokenCounter& counter,
                                              absl::string_view text) {
  COPSE_RETURN_IF_ERROR(CheckUtf8(text));
  BoundaryChunker chunker(options, text);
  absl::Status status;
  COPSE_RETURN_IF_ERROR(counter.ForEachToken(text, [&](TextRange token) {
    if (status.ok() && !chunker.is_full()) {
      status = chunker.Add(token);
    }
  }));
  COPSE_RETURN_IF_ERROR(status);
  return std::move(chunker).Finish();
}

absl::StatusOr<ChunkedText> ChunkAsWhole(const TokenCounter& counter,
                                         absl::string_view text) {
  COPSE_ASSIGN_OR_RETURN(const int64_t token_count, counter.Count(text));
  return ChunkedText{.chunks = {{.range = {.begin = 0, .end = text.size()},
                                 .token_count = token_count}},
                     .token_count = token_count};
}

}  // namespace

absl::StatusOr<ChunkingOptions> WindowChunking(const ModelLimits& limits) {
  COPSE_ASSIGN_OR_RETURN(const int64_t usable, UsableTokenCount(limits));
  return ChunkingOptions{.mode = ChunkingMode::kWindow,
                         .token_count_max = usable,
                         .overlap_token_count = usable / 7};
}

absl::StatusOr<ChunkingOptions> BoundaryChunking(const ModelLimits& limits) {
  COPSE_ASSIGN_OR_RETURN(const int64_t usable, UsableTokenCount(limits));
  const int64_t target = std::max<int64_t>(usable * 3 / 4, 1);
  return ChunkingOptions{.mode = ChunkingMode::kBoundary,
                         .token_count_max = target,
                         .overlap_token_count = target * 12 / 100};
}

absl::StatusOr<ChunkedText> ChunkText(const ChunkingOptions& options,
                                      const TokenCounter& counter,
                                      absl::string_view text) {
  COPSE_RETURN_IF_ERROR(CheckOptions(options));
  if (options.mode == ChunkingMode::kWhole) {
    return ChunkAsWhole(counter, text);
  }
  COPSE_ASSIGN_OR_RETURN(ChunkedText chunked,
                         options.mode == ChunkingMode::kWindow
                             ? ChunkByWindows(options, counter, text)
                             : ChunkByBoundaries(options, counter, text));
  if (static_cast<int64_t>(chunked.chunks.size()) > options.chunk_count_max) {
    return TooManyChunks(options);
  }
  if (chunked.chunks.empty()) {
    chunked.chunks.push_back({.range = {.begin = 0, .end = text.size()}});
  }
  return chunked;
}

}  // namespace copse
