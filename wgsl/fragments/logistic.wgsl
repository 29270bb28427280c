// 1 / (1 + e^-z)

// include: exp_accurate

fn logistic(z: f32) -> f32 {
  return 1.0 / (1.0 + expAccurate(-z));
}
