package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
)

// tensor is one array of the file, in row-major order. Floats hold every number: whole ones of the file are far below
// 2^53.
type tensor struct {
	shape []int
	data  []float64
}

// arrays are those of a file, or of a part of it, by name.
type arrays map[string]tensor

const largestHeader = 100 << 20

// readArrays reads a safetensors file: eight bytes with the length of a JSON header, the header, then the numbers, all
// little-endian.
func readArrays(path string) (arrays, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(file) < 8 {
		return nil, fmt.Errorf("%s: no header", path)
	}
	length := binary.LittleEndian.Uint64(file)
	if length > largestHeader || length > uint64(len(file)-8) {
		return nil, fmt.Errorf("%s: a header of %d bytes", path, length)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+length], &header); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	numbers, found := file[8+length:], arrays{}
	for name, raw := range header {
		if name == "__metadata__" {
			continue
		}
		if found[name], err = readTensor(raw, numbers); err != nil {
			return nil, fmt.Errorf("%s: array %s: %w", path, name, err)
		}
	}
	return found, nil
}

func readTensor(raw json.RawMessage, numbers []byte) (tensor, error) {
	var about struct {
		Dtype   string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw, &about); err != nil {
		return tensor{}, err
	}
	read, size := reader(about.Dtype)
	if read == nil {
		return tensor{}, fmt.Errorf("of type %s", about.Dtype)
	}
	count := 1
	for _, side := range about.Shape {
		if side < 0 || (side > 0 && count > len(numbers)/side) {
			return tensor{}, fmt.Errorf("of shape %v", about.Shape)
		}
		count *= side
	}
	from, to := about.Offsets[0], about.Offsets[1]
	if from < 0 || to < from || to > int64(len(numbers)) || to-from != int64(count*size) {
		return tensor{}, fmt.Errorf("at %v", about.Offsets)
	}
	data := make([]float64, count)
	for i := range data {
		data[i] = read(numbers[from+int64(i*size):])
	}
	return tensor{about.Shape, data}, nil
}

func reader(dtype string) (func([]byte) float64, int) {
	little := binary.LittleEndian
	switch dtype {
	case "F64":
		return func(b []byte) float64 { return math.Float64frombits(little.Uint64(b)) }, 8
	case "F32":
		return func(b []byte) float64 { return float64(math.Float32frombits(little.Uint32(b))) }, 4
	case "I64":
		return func(b []byte) float64 { return float64(int64(little.Uint64(b))) }, 8
	case "I32":
		return func(b []byte) float64 { return float64(int32(little.Uint32(b))) }, 4
	case "I16":
		return func(b []byte) float64 { return float64(int16(little.Uint16(b))) }, 2
	case "U8", "BOOL":
		return func(b []byte) float64 { return float64(b[0]) }, 1
	}
	return nil, 0
}

// part gives the arrays whose names begin so, without the beginning.
func (all arrays) part(prefix string) arrays {
	found := arrays{}
	for name, array := range all {
		if strings.HasPrefix(name, prefix) {
			found[strings.TrimPrefix(name, prefix)] = array
		}
	}
	return found
}

// line gives an array's numbers, none if it is not there.
func (all arrays) line(name string) []float64 { return all[name].data }

// table gives an array's rows.
func (all arrays) table(name string) [][]float64 {
	array := all[name]
	if len(array.shape) != 2 {
		return nil
	}
	rows := make([][]float64, array.shape[0])
	for i := range rows {
		rows[i] = array.data[i*array.shape[1] : (i+1)*array.shape[1]]
	}
	return rows
}

func ints(numbers []float64) []int {
	whole := make([]int, len(numbers))
	for i, number := range numbers {
		whole[i] = int(number)
	}
	return whole
}
