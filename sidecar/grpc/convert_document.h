// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Documents and chunks as they are read; convert_common.h says how conversions
// are named and fail, and convert_push.h has documents as they are pushed.

#ifndef COPSE_SIDECAR_GRPC_CONVERT_DOCUMENT_H_
#define COPSE_SIDECAR_GRPC_CONVERT_DOCUMENT_H_

#include <cstdint>

#include "copse/v1/types.pb.h"
#include "sidecar/service/document_reader.h"
#include "versioning/commit_reader.h"
#include "versioning/document.h"

namespace copse {

DocumentMask ToDocumentMask(const v1::DocumentMask& message);
void Fill(uint32_t number, const ChunkPlace& place, v1::Chunk& message);
void Fill(StoredDocument&& document, const DocumentMask& mask,
          v1::StoredDocument& message);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CONVERT_DOCUMENT_H_
