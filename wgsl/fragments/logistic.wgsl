// 1 / (1 + e^-z)

fn logistic(z: f32) -> f32 {
  return 1.0 / (1.0 + expAccurate(-z));
}
