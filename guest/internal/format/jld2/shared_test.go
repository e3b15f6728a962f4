package jld2

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// conformance is what is read of the files beside the repository, and what is
// refused of them first: its offset and the rule. What h5py reads of the arrays
// is in testdata/weights/golden.json.
var conformance = map[string]struct {
	arrays, refused int
	offset          int64
	rule            string
}{
	"bitfield_datasets.hdf5":                           {0, 1, 8, "a superblock of version 0"},
	"chunked_v4_datasets.hdf5":                         {0, 53, 432, "a chunked layout"},
	"compound-dtype-complex.h5":                        {0, 1, 8, "a superblock of version 0"},
	"compound_datasets_latest.hdf5":                    {0, 1, 81, "links in a heap"},
	"fixed_array_paged_datasets.hdf5":                  {0, 6, 416, "a chunked layout"},
	"fletcher32_datasets_latest.hdf5":                  {0, 5, 436, "a filter"},
	"float_special_values_latest.hdf5":                 {3, 0, 0, ""},
	"hdf_v14_test1.hdf5":                               {0, 1, 8, "a superblock of version 0"},
	"implicit_index_datasets.hdf5":                     {0, 2, 269, "a chunked layout"},
	"issue255_example.hdf5":                            {0, 1, 8, "a superblock of version 0"},
	"lz4_datasets.hdf5":                                {0, 1, 81, "links in a heap"},
	"opaque_datasets_earliest.hdf5":                    {0, 1, 8, "a superblock of version 0"},
	"space_padding_problem.hdf5":                       {0, 1, 8, "a superblock of version 0"},
	"test_attribute_earliest.hdf5":                     {0, 1, 8, "a superblock of version 0"},
	"test_attribute_with_creation_order.hdf5":          {0, 0, 0, ""},
	"test_byteshuffle_compressed_datasets_latest.hdf5": {0, 1, 11, "a file that its writer did not close"},
	"test_chunked_datasets_latest.hdf5":                {0, 7, 456, "a chunked layout"},
	"test_compact_datasets_latest.hdf5":                {8, 0, 0, ""},
	"test_compressed_chunked_datasets_earliest.hdf5":   {0, 1, 8, "a superblock of version 0"},
	"test_enum_datasets_earliest.hdf5":                 {0, 1, 8, "a superblock of version 0"},
	"test_file.hdf5":                                   {0, 1, 8, "a superblock of version 0"},
	"test_file_ext.hdf5":                               {1, 0, 0, ""},
	"test_fill_value_latest.hdf5":                      {6, 0, 0, ""},
	"test_large_group_earliest.hdf5":                   {0, 1, 8, "a superblock of version 0"},
	"test_medium_group_earliest.hdf5":                  {0, 1, 8, "a superblock of version 0"},
	"test_missing_filter.hdf5bad":                      {0, 1, 8, "a superblock of version 0"},
	"test_odd_datasets_earliest.hdf5":                  {0, 1, 8, "a superblock of version 0"},
	"test_ordered_group_latest.hdf5":                   {6, 0, 0, ""},
	"test_scalar_empty_datasets_latest.hdf5":           {0, 1, 81, "links in a heap"},
	"test_string_datasets_latest.hdf5":                 {2, 0, 0, ""},
	"test_userblock_latest.hdf5":                       {0, 1, 0, "HDF5 behind a user block"},
	"test_vlen_datasets_latest.hdf5":                   {0, 1, 81, "links in a heap"},
	"utf8-fixed-length.hdf5":                           {1, 0, 0, ""},
	"vlen_string_dset.h5":                              {0, 1, 8, "a superblock of version 0"},
	"vlen_string_s390x.h5":                             {0, 1, 8, "a superblock of version 0"},
}

func TestConformance(t *testing.T) {
	const dir = "../../../../../shared/conformance/hdf5"
	files, _ := filepath.Glob(filepath.Join(dir, "*.h*5*"))
	if len(files) == 0 {
		t.Skip("../shared is not here")
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := &weights.File{}
		if fault := scan.Catch(func() { Read(boxtest.New(b), 1, f) }); fault != nil {
			f.Refused = append(f.Refused, *fault)
		}
		name := filepath.Base(path)
		want, ok := conformance[name]
		first := abi.Fault{}
		if len(f.Refused) > 0 {
			first = f.Refused[0]
		}
		if !ok || len(f.Tensors) != want.arrays || len(f.Refused) != want.refused || first.Offset != want.offset || !strings.HasPrefix(first.Text, want.rule) {
			t.Errorf("%q: {%d, %d, %d, %q},", name, len(f.Tensors), len(f.Refused), first.Offset, first.Text)
		}
	}
}
