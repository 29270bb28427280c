//! Windows of images, for convolutions: every place of a kernel over every image, as columns[c, i, j, b, oy, ox], and back.
//! Both walk along rows of places, which for a stride of 1 are parts of rows of the image.

use core::ops::Range;

/// Images, a kernel and its places; [down, across].
pub struct Windows {
    pub images: usize,
    pub channels: usize,
    pub image: [usize; 2],
    pub kernel: [usize; 2],
    pub places: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
}

impl Windows {
    /// Elements of the images.
    pub fn image_elements(&self) -> usize {
        self.images * self.channels * self.image[0] * self.image[1]
    }

    /// Elements of the columns.
    pub fn column_elements(&self) -> usize {
        let Windows { images, channels, kernel, places, .. } = self;
        channels * kernel[0] * kernel[1] * images * places[0] * places[1]
    }

    /// The places along `dim` at which element `step` of the kernel is inside of the image, and where it is at the first of them.
    fn inside(&self, dim: usize, step: usize) -> (Range<usize>, usize) {
        let (stride, padding) = (self.stride[dim], self.padding[dim]);
        let offset = step * self.dilation[dim];
        let begin = padding.saturating_sub(offset).div_ceil(stride);
        let end = (self.image[dim] + padding).saturating_sub(offset).div_ceil(stride);
        let end = end.min(self.places[dim]);
        if begin < end { (begin..end, begin * stride + offset - padding) } else { (0..0, 0) }
    }

    /// Calls `visit(i, j)` for every element of the kernel, in order.
    fn each_element(&self, mut visit: impl FnMut(usize, usize)) {
        for i in 0..self.kernel[0] {
            for j in 0..self.kernel[1] {
                visit(i, j);
            }
        }
    }
}

/// columns = windows of x
pub fn unfold(x: &[f32], windows: &Windows, columns: &mut [f32]) {
    let &Windows { images, channels, image: [height, width], places: [down, across], .. } = windows;
    let stride = windows.stride;
    if down * across == 0 {
        return;
    }
    let mut planes = columns.chunks_exact_mut(down * across);
    for c in 0..channels {
        windows.each_element(|i, j| {
            let (rows, top) = windows.inside(0, i);
            let (cols, left) = windows.inside(1, j);
            for b in 0..images {
                let plane = planes.next().expect("the host checked the length of columns");
                let image = &x[(b * channels + c) * height * width..][..height * width];
                for (oy, places) in plane.chunks_exact_mut(across).enumerate() {
                    if !rows.contains(&oy) {
                        places.fill(0.0);
                        continue;
                    }
                    let row = &image[(top + (oy - rows.start) * stride[0]) * width..][..width];
                    places[..cols.start].fill(0.0);
                    places[cols.end..].fill(0.0);
                    let inside = &mut places[cols.clone()];
                    if stride[1] == 1 {
                        inside.copy_from_slice(&row[left..left + cols.len()]);
                    } else {
                        let taken = row[left..].iter().step_by(stride[1]);
                        inside.iter_mut().zip(taken).for_each(|(place, x)| *place = *x);
                    }
                }
            }
        });
    }
}

/// out = bias + the sums of what `unfold` would take from the same element, in the order of the kernel's elements
pub fn fold(columns: &[f32], bias: &[f32], windows: &Windows, out: &mut [f32]) {
    let &Windows { images, channels, image: [height, width], places: [down, across], .. } = windows;
    let stride = windows.stride;
    if height * width == 0 {
        return;
    }
    for (plane, image) in out.chunks_exact_mut(height * width).enumerate() {
        let (b, c) = (plane / channels, plane % channels);
        image.fill(bias.get(c).copied().unwrap_or(0.0));
        let mut element = 0;
        windows.each_element(|i, j| {
            let (rows, top) = windows.inside(0, i);
            let (cols, left) = windows.inside(1, j);
            let row = c * windows.kernel[0] * windows.kernel[1] + element;
            let plane = &columns[(row * images + b) * down * across..][..down * across];
            element += 1;
            for oy in rows.clone() {
                let places = &plane[oy * across..][cols.clone()];
                let row = &mut image[(top + (oy - rows.start) * stride[0]) * width..][..width];
                if stride[1] == 1 {
                    let sums = &mut row[left..left + cols.len()];
                    sums.iter_mut().zip(places).for_each(|(sum, x)| *sum += x);
                } else {
                    let sums = row[left..].iter_mut().step_by(stride[1]);
                    sums.zip(places).for_each(|(sum, x)| *sum += x);
                }
            }
        });
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::Windows;
    use crate::operands::*;

    macro_rules! export_windows {
        (|$windows:ident, $first:ident| $body:expr; $name:ident($($operand:ident: $kind:ty),*) $(, $extra:ident)?) => {
            #[wasm_bindgen]
            pub fn $name(
                $($operand: $kind,)*
                first_image: usize,
                images: usize,
                channels: usize,
                height: usize,
                width: usize,
                kernel_height: usize,
                kernel_width: usize,
                out_height: usize,
                out_width: usize,
                stride_height: usize,
                stride_width: usize,
                padding_height: usize,
                padding_width: usize,
                dilation_height: usize,
                dilation_width: usize,
                $($extra: usize,)?
            ) {
                let $windows = Windows {
                    images,
                    channels,
                    image: [height, width],
                    kernel: [kernel_height, kernel_width],
                    places: [out_height, out_width],
                    stride: [stride_height, stride_width],
                    padding: [padding_height, padding_width],
                    dilation: [dilation_height, dilation_width],
                };
                let $first = first_image * channels * height * width;
                $body
            }
        };
    }
    export_windows!(|windows, first| {
        let x = read_at(x, first, windows.image_elements());
        super::unfold(x, &windows, write(columns, windows.column_elements()));
    }; unfold(x: In, columns: Out));
    export_windows!(|windows, first| {
        let (columns, bias) = (read(columns, windows.column_elements()), read(bias, bias_length));
        super::fold(columns, bias, &windows, write_at(out, first, windows.image_elements()));
    }; fold(columns: In, bias: In, out: Out), bias_length);
}
